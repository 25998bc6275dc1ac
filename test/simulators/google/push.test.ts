// Watches and Pub/Sub pushes against an endpoint of the test's own: envelope and token as Google's library accepts them, retries, mishaps, forgeries.
import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { gmail_v1 } from '@googleapis/gmail'
import { OAuth2Client } from 'google-auth-library'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Google, refusalOf, startForTests } from './gmail-client.ts'

const SUPPORT = 'support@acme.example'
const me = { userId: 'me' }
const examples = JSON.parse(readFileSync(new URL('./contracts/google-push.examples.json', import.meta.url), 'utf8'))

type Received = { headers: IncomingHttpHeaders; body: string }

let google: Google
let users: gmail_v1.Resource$Users
let endpoint: Server
let received: Received[]
let status: number
let topicName: string

beforeEach(async () => {
  received = []
  status = 204
  endpoint = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      received.push({ headers: request.headers, body: Buffer.concat(chunks).toString() })
      response.writeHead(status).end()
    })
  })
  await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve))
  google = await startForTests({ pushEndpoint: url() })
  topicName = google.world.project.topic
  users = await google.mailbox(SUPPORT)
  await google.control('push/settings', { minBackoff: 20, maxBackoff: 100, interval: 0 })
})
afterEach(async () => {
  await google.close()
  endpoint.closeAllConnections()
  await new Promise((resolve) => endpoint.close(resolve))
  expect(google.world.violations).toEqual([])
})

const url = () => `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/api/webhooks/gmail-push`
const watch = (more: object = {}) => users.watch({ ...me, requestBody: { topicName, ...more } })
const deliver = () => google.control('deliver', { to: SUPPORT, from: 'jane@gmail.example', subject: 'x', text: 'x' })
const dataOf = ({ body }: Received) =>
  JSON.parse(Buffer.from(JSON.parse(body).message.data, 'base64').toString()) as { historyId: string | number }
/** As text: where the id is a JSON number beyond 2^53, parsing it would change it. */
const historyIds = () =>
  received.map(({ body }) => {
    const data = Buffer.from(JSON.parse(body).message.data, 'base64').toString()
    return /"historyId":"?(\d+)/.exec(data)?.[1]
  })
const arrived = (count: number) =>
  vi.waitFor(() => expect(received).toHaveLength(count), { timeout: 3_000, interval: 5 })
const quiet = () => new Promise((resolve) => setTimeout(resolve, 150))
const report = async () => (await google.control('state')).push

/** Verifies as Google's documentation tells receivers to. */
async function claimsOf({ headers }: Received) {
  const { keys } = (await (await fetch(`${google.url}/oauth2/v3/certs`)).json()) as {
    keys: (JsonWebKey & { kid: string })[]
  }
  const certs = keys.map((jwk) => [
    jwk.kid,
    createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString(),
  ])
  const token = headers.authorization?.replace('Bearer ', '') ?? ''
  const verified = new OAuth2Client().verifySignedJwtWithCertsAsync(token, Object.fromEntries(certs), url(), [
    'https://accounts.google.com',
  ])
  return (await verified).getPayload()
}

describe('a watch', () => {
  it('announces the mailbox at once and every arrival after it, in the envelope and with the token of the documentation', async () => {
    const before = Date.now()
    const { data } = await watch()
    expect(Number(data.expiration) - before).toBeGreaterThanOrEqual(7 * 86_400_000)
    await arrived(1)
    expect(dataOf(received[0] as Received)).toMatchObject({ emailAddress: SUPPORT })
    const { historyId } = await deliver()
    await arrived(2)
    expect(historyIds()).toEqual([data.historyId, historyId])
    const push = received[1] as Received
    const envelope = JSON.parse(push.body)
    expect(Object.keys(envelope)).toEqual(Object.keys(examples.pubsubPush.body))
    expect(Object.keys(envelope.message)).toEqual(Object.keys(examples.pubsubPush.body.message))
    const claims = await claimsOf(push)
    expect(Object.keys(claims ?? {}).toSorted()).toEqual(Object.keys(examples.pubsubJwt.claims).toSorted())
    expect(claims).toMatchObject({ email: google.world.project.serviceAccount, email_verified: true })
  })

  it('hears only of the labels it names', async () => {
    await watch({ labelIds: ['SPAM'], labelFilterBehavior: 'INCLUDE' })
    await deliver()
    const spam = await google.control('deliver', { to: SUPPORT, subject: 'x', labels: ['SPAM'] })
    await arrived(2)
    expect(historyIds()[1]).toBe(spam.historyId)
  })

  it('ends by stop, and by itself after seven days', async () => {
    await watch()
    await users.stop(me)
    await deliver()
    await watch()
    await google.control('clock', { advance: 7 * 86_400_000 })
    await deliver()
    await quiet()
    expect(received).toHaveLength(2)
  })

  it('needs an existing topic of this project with the grant, and tells which is missing', async () => {
    await google.control('push/topic', { grant: false })
    expect(await refusalOf(watch())).toMatchObject({
      status: 403,
      message: `Error sending test message to Cloud PubSub ${topicName} : User not authorized to perform this action.`,
    })
    await google.control('push/topic', { grant: true })
    expect(await refusalOf(watch({ topicName: `${topicName}-other` }))).toMatchObject({ status: 404 })
    expect(await refusalOf(watch({ topicName: 'projects/else/topics/x' }))).toMatchObject({ status: 400 })
    await watch()
  })

  it('is announced at most once a second; the surplus is dropped', async () => {
    await google.control('push/settings', { interval: 1_000 })
    await watch()
    const first = await deliver()
    for (let count = 0; count < 5; count++) await deliver()
    await arrived(2)
    await quiet()
    expect(historyIds().slice(1)).toEqual([first.historyId])
    expect(await report()).toMatchObject({ surplus: 5 })
    await google.control('clock', { advance: 1_000 })
    await deliver()
    await arrived(3)
  })
})

describe('a push', () => {
  beforeEach(async () => {
    await watch()
    await arrived(1)
    received = []
  })

  it('comes again with growing pauses, the same id and body, until it is acknowledged', async () => {
    status = 503
    await deliver()
    await vi.waitFor(() => expect(received.length).toBeGreaterThanOrEqual(3), { timeout: 3_000 })
    status = 202
    await vi.waitFor(async () => expect((await report()).outstanding).toBe(0))
    expect(new Set(received.map(({ body }) => body)).size).toBe(1)
    const count = received.length
    await quiet()
    expect(received).toHaveLength(count)
  })

  it('comes again when the answer takes longer than the deadline', async () => {
    await google.control('push/settings', { ackDeadline: 50 })
    endpoint.prependOnceListener('request', (_request, response) => {
      const writeHead = response.writeHead.bind(response)
      response.writeHead = ((code: number) => {
        setTimeout(() => writeHead(code).end(), 200)
        return { end: () => response }
      }) as unknown as typeof response.writeHead
    })
    await deliver()
    await arrived(2)
    expect(await report()).toMatchObject({ retried: 1 })
  })

  it('can be dropped, doubled, reordered, and held until it is released', async () => {
    await google.control('push', { next: 'drop' })
    await deliver()
    await google.control('push', { next: 'duplicate' })
    const doubled = await deliver()
    await arrived(2)
    expect(historyIds()).toEqual([doubled.historyId, doubled.historyId])

    await google.control('push', { next: 'reorder', count: 2 })
    const [one, two] = [await deliver(), await deliver()]
    await arrived(4)
    expect(historyIds().slice(2)).toEqual([two.historyId, one.historyId])

    await google.control('push', { next: 'hold', count: 10 })
    await deliver()
    await quiet()
    expect(received).toHaveLength(4)
    expect(await google.control('push/release', {})).toEqual({ released: 1 })
    await arrived(5)
    await deliver()
    await arrived(6)
  })

  it.each(['wrong_audience', 'expired', 'wrong_issuer', 'foreign_key', 'unsigned'])(
    'forged as %s is refused by Google’s library',
    async (variant) => {
      expect(await google.control('push/forge', { account: SUPPORT, variant })).toEqual({ status: 204 })
      await expect(claimsOf(received[0] as Received)).rejects.toThrow()
    },
  )

  it('forged in other ways is well signed, and wrong in what the name says', async () => {
    for (const variant of ['wrong_email', 'unverified_email', 'malformed_base64', 'malformed_data', 'malformed_json']) {
      await google.control('push/forge', { account: SUPPORT, variant })
    }
    const claims = await Promise.all(received.map(claimsOf))
    expect(claims[0]?.email).not.toBe(google.world.project.serviceAccount)
    expect(claims.map((payload) => payload?.email_verified)).toEqual([true, false, true, true, true])
    const [, , base64, data, json] = received
    expect(JSON.parse(base64?.body ?? '').message.data).toMatch(/[^\w+/=-]/)
    expect(() => dataOf(data as Received)).toThrow(SyntaxError)
    expect(() => JSON.parse(json?.body ?? '')).toThrow(SyntaxError)
  })

  it('replayed is the last one, word for word', async () => {
    await deliver()
    await arrived(1)
    await google.control('push/forge', { account: SUPPORT, variant: 'replay' })
    expect(received[1]?.body).toBe(received[0]?.body)
    expect(received[1]?.headers.authorization).toBe(received[0]?.headers.authorization)
  })
})
