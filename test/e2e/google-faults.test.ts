// The promise under fire, for Gmail: pushes dropped, doubled and reordered, history expired, quota errors, a runtime killed; every mail exactly once.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mailMix } from '../bench/mix.mjs'
import { connectGoogle } from '../support/google.mjs'
import { pause } from '../support/running-app.mjs'
import { rawMail, simulatorControl } from '../support/simulator.mjs'
import { type Client, type Product, settled, signIn, startProduct } from './harness'

const COUNT = 2000
const ADDRESS = 'support@acme.example'

let product: Product
let client: Client
let google: ReturnType<typeof simulatorControl>

beforeAll(async () => {
  // The quota is lifted on both sides, so that the run is about faults and takes minutes; 429s are injected instead.
  product = await startProduct({ GMAIL_UNITS_PER_MINUTE: '1000000' })
  client = await signIn(product)
  google = simulatorControl(product.app.googleUrl)
  await google('quota', { unitsPerMinute: null })
}, 180_000)
afterAll(() => product?.dispose())

async function killRuntime() {
  for (const pid of product.app.workerds()) process.kill(pid, 'SIGKILL')
  await product.app.kill()
  await product.restart()
  google = simulatorControl(product.app.googleUrl)
  await google('quota', { unitsPerMinute: null })
  client = await signIn(product)
}

describe('a Gmail inbox under fire', () => {
  it('ends with unaccounted 0 and no mail or ticket doubled', async () => {
    const inbox = await connectGoogle({
      base: product.app.base,
      api: client.api,
      cookie: client.cookie(),
      control: google,
      address: ADDRESS,
    })
    const mails = [...mailMix({ count: COUNT, seed: 11, scale: 0.1, to: ADDRESS })]
    const threads = new Set(mails.map((mail) => mail.thread))
    const deliver = async (count: number) => {
      for (const mail of mails.splice(0, count)) await google('deliver', rawMail(ADDRESS, mail.raw))
    }

    await google('push', { next: 'drop', count: 5 })
    await deliver(300)
    await google('push', { next: 'duplicate', count: 20 })
    await deliver(300)
    await google('fault', { path: '/messages/', times: 15, kind: '429', retryAfter: 1 })
    await google('push', { next: 'reorder', count: 10 })
    await deliver(300)
    await killRuntime()
    await google('fault', { path: '/history', times: 2, kind: '500' })
    await deliver(200)
    await google('history/expire', { account: ADDRESS })
    await deliver(200)
    await google('fault', { path: '/messages/', times: 5, kind: 'cut' })
    await google('fault', { path: '/messages/', times: 10, kind: '403_quota' })
    await deliver(200)
    await killRuntime()
    await google('push', { next: 'drop', count: 1000 })
    await deliver(300)
    await google('history/expire', { account: ADDRESS })
    await google('fault', { path: '/history', times: 1, kind: '429', retryAfter: 2 })
    await deliver(200)
    expect(mails).toEqual([])
    await pause(2_000)
    await killRuntime()

    const summary = await settled(client, inbox.id, COUNT, 400_000)
    expect(summary).toMatchObject({ total: COUNT, unaccounted: 0 })
    expect(summary.byDisposition).toEqual({ ticket_created: threads.size, reply_added: COUNT - threads.size })
    let tickets = 0
    let messages = 0
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page = await client.api(
        'GET',
        `/api/tickets?limit=100${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`,
      )
      tickets += page.items.length
      for (const ticket of page.items) messages += ticket.messageCount
      cursor = page.nextCursor
    }
    expect({ tickets, messages }).toEqual({ tickets: threads.size, messages: COUNT })
    expect(await google('violations')).toEqual([])
  }, 900_000)
})
