// The simulator as a whole: what it keeps over a restart, whose signatures hold, answers that break a contract, and its pages.
import { createPublicKey, type JsonWebKey, verify } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Route } from '../shell/http.ts'
import { createContracts } from './contracts.ts'
import { createIdentity } from './identity.ts'
import { startGoogle } from './server.ts'

const SUPPORT = 'support@acme.example'

const state = mkdtempSync(path.join(os.tmpdir(), 'google-simulator-'))
let google: Awaited<ReturnType<typeof startGoogle>>

beforeAll(async () => {
  google = await startGoogle({ state })
  google.world.addAccount(SUPPORT, 'Acme Support')
})
afterAll(async () => {
  await google.close()
  rmSync(state, { recursive: true, force: true })
})

/** Where a form of the pages leads to. */
async function submit(to: string, fields: Record<string, string | File>) {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.set(name, value)
  const response = await fetch(google.url + to, { method: 'POST', body: form, redirect: 'manual' })
  return { status: response.status, location: response.headers.get('location') ?? '' }
}

const text = async (to: string) => (await fetch(google.url + to)).text()
type Listed = { messages: { threadId: string; subject: string; labelIds: string[] }[] }
const messages = async () => (JSON.parse(await text(`/__control/messages?account=${SUPPORT}`)) as Listed).messages

describe('the pages', () => {
  it('send a mail in, with an attachment, and the next one of the conversation', async () => {
    const mail = {
      to: SUPPORT,
      from: 'Änn <ann@customer.example>',
      subject: 'Grüße <b>',
      text: 'Hello\nthere',
      thread: '',
    }
    const sent = await submit('/mail/compose', { ...mail, file: new File(['content'], 'Übersicht.txt') })
    expect(sent.status).toBe(303)
    const shown = await text(sent.location)
    for (const part of ['Grüße &lt;b&gt;', 'Änn', 'Hello', 'Übersicht.txt']) expect(shown).toContain(part)
    const [{ threadId = '' } = {}] = await messages()
    expect(await text(`/mail/compose?to=${SUPPORT}&thread=${threadId}`)).toContain('Re: Grüße &lt;b&gt;')
    await submit('/mail/compose', { ...mail, subject: 'Re: Grüße <b>', text: 'More', thread: threadId })
    const both = await messages()
    expect(both.map((message) => message.threadId)).toEqual([threadId, threadId])
  })

  it('reply as the user in Gmail', async () => {
    const [{ threadId = '' } = {}] = await messages()
    const reply = { to: 'ann@customer.example', subject: 'Re: Grüße <b>', text: 'We look into it' }
    const sent = await submit(`/mail/${encodeURIComponent(SUPPORT)}/${threadId}`, reply)
    expect(sent.status).toBe(303)
    expect((await messages()).find((message) => message.labelIds.includes('SENT'))).toMatchObject({ threadId })
  })

  it('add an account, once', async () => {
    await submit('/mail', { email: 'Team@New.Example', name: 'Team' })
    await submit('/mail', { email: 'team@new.example', name: 'Other' })
    const { accounts } = JSON.parse(await text('/__control/accounts')) as { accounts: { email: string }[] }
    expect(accounts.filter((account) => account.email === 'team@new.example')).toMatchObject([{ name: 'Team' }])
  })

  it('say what is missing instead of making a mail of it', async () => {
    const refused = await submit('/mail/compose', { to: SUPPORT, from: '', subject: '', text: '', thread: '' })
    expect(refused.status).toBe(400)
    expect((await submit('/mail', { email: 'nobody', name: '' })).status).toBe(400)
  })
})

describe('what is kept', () => {
  it('goes on after a restart: accounts, mails, grants, the key and the clock', async () => {
    const identity = createIdentity(google.world)
    const request = identity.authorizer.parse(
      new URLSearchParams({
        client_id: google.world.project.clientId,
        redirect_uri: google.world.project.redirectUris[0] ?? '',
        response_type: 'code',
        scope: 'https://www.googleapis.com/auth/gmail.readonly',
        access_type: 'offline',
      }),
    )
    const account = google.world.addAccount(SUPPORT)
    const code = new URL(identity.authorizer.decide(request, account, request.scopes)).searchParams.get('code') ?? ''
    const { clientId } = request
    const { refreshToken } = identity.grants.exchange({
      code,
      clientId,
      redirectUri: request.redirectUri,
      verifier: null,
    })
    google.world.advance(86_400_000)
    const [before, certs] = [await messages(), await text('/oauth2/v3/certs')]
    await google.close()
    google = await startGoogle({ state })
    expect(await messages()).toEqual(before)
    expect(await text('/oauth2/v3/certs')).toBe(certs)
    expect(google.world.clock() - Date.now()).toBeGreaterThan(86_000_000)
    const { grants } = createIdentity(google.world)
    expect(grants.refresh({ refreshToken: refreshToken ?? '', clientId, scopes: null }).account).toBe(SUPPORT)
  })
})

describe('signatures', () => {
  it('hold under the published key, and a foreign key names it without holding', async () => {
    const { signJwt } = createIdentity(google.world)
    const { keys } = JSON.parse(await text('/oauth2/v3/certs')) as { keys: (JsonWebKey & { kid: string })[] }
    const [key] = keys
    const judged = (['published', 'foreign'] as const).map((kind) => {
      const [head = '', body = '', signature = ''] = signJwt({ aud: 'x' }, { key: kind }).split('.')
      const { kid } = JSON.parse(Buffer.from(head, 'base64url').toString())
      const publicKey = createPublicKey({ key: key ?? {}, format: 'jwk' })
      const holds = verify('sha256', Buffer.from(`${head}.${body}`), publicKey, Buffer.from(signature, 'base64url'))
      return [kid === key?.kid, holds]
    })
    expect(judged).toEqual([
      [true, true],
      [true, false],
    ])
  })
})

describe('contracts', () => {
  const route: Route = {
    method: 'GET',
    path: '/gmail/v1/users/:userId/profile',
    operation: 'gmail.users.getProfile',
    handle: () => ({ status: 200 }),
  }
  const contracts = createContracts([route])

  it('catch an answer of a wrong shape, an error that is not in Google’s, and history ids that are numbers or too large', () => {
    const problems = [
      { status: 200, body: { emailAddress: 'a@b.example', historyId: '18446744073709551615' } },
      { status: 200, body: { email: 'a@b.example' } },
      { status: 200, body: { historyId: 12 } },
      { status: 200, body: { historyId: '18446744073709551616' } },
      { status: 404, body: { error: 'gone' } },
      { status: 200, body: 'no JSON' },
    ].map((response) => contracts.checkResponse(route, response) !== null)
    expect(problems).toEqual([false, true, true, true, true, true])
  })

  it('refuse a route whose path or method is not the operation’s', () => {
    expect(() => createContracts([{ ...route, path: '/gmail/v1/users/:userId/profiles' }])).toThrow(/is not gmail/)
    expect(() => createContracts([{ ...route, method: 'POST' }])).toThrow(/is not gmail/)
  })
})

it('shares no code with the product: this folder imports Node, the schema checker and, for its tests, the official clients', () => {
  const sources = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  const foreign = sources.flatMap((name) => {
    const imports = readFileSync(path.join(import.meta.dirname, name), 'utf8').matchAll(
      /^(?:import|export) .*from '([^']+)'|^} from '([^']+)'/gm,
    )
    return [...imports]
      .map((match) => match[1] ?? match[2] ?? '')
      .filter(
        (from) => !/^(\.\.?\/(shell\/)?[\w-]+\.ts|node:.*|ajv.*|@googleapis\/gmail|google-auth-library)$/.test(from),
      )
  })
  expect(sources.length).toBeGreaterThan(20)
  expect(foreign).toEqual([])
})
