// The promise under fire, for Microsoft 365: notifications dropped, doubled and reordered, delta expired, throttling, a runtime killed; every mail exactly once.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mailMix } from '../bench/mix.mjs'
import { connectMicrosoft } from '../support/microsoft.mjs'
import { pause } from '../support/running-app.mjs'
import { rawMail, simulatorControl } from '../support/simulator.mjs'
import { type Client, type Product, settled, signIn, startProduct } from './harness'

const COUNT = 2000
const ADDRESS = 'support@contoso.example'

let product: Product
let client: Client
let microsoft: ReturnType<typeof simulatorControl>

beforeAll(async () => {
  product = await startProduct()
  client = await signIn(product)
  microsoft = simulatorControl(product.app.microsoftUrl)
}, 180_000)
afterAll(() => product?.dispose())

async function killRuntime() {
  for (const pid of product.app.workerds()) process.kill(pid, 'SIGKILL')
  await product.app.kill()
  await product.restart()
  microsoft = simulatorControl(product.app.microsoftUrl)
  client = await signIn(product)
}

describe('a Microsoft inbox under fire', () => {
  it('ends with unaccounted 0 and no mail or ticket doubled', async () => {
    const inbox = await connectMicrosoft({
      base: product.app.base,
      api: client.api,
      cookie: client.cookie(),
      control: microsoft,
      address: ADDRESS,
    })
    const mails = [...mailMix({ count: COUNT, seed: 12, scale: 0.1, to: ADDRESS })]
    const threads = new Set(mails.map((mail) => mail.thread))
    const deliver = async (count: number) => {
      for (const mail of mails.splice(0, count)) await microsoft('deliver', rawMail(ADDRESS, mail.raw))
    }

    await microsoft('notifications', { next: 'drop', count: 5 })
    await deliver(300)
    await microsoft('notifications', { next: 'duplicate', count: 20 })
    await deliver(300)
    await microsoft('fault', { path: '/messages/', times: 15, kind: '429', retryAfter: 1 })
    await microsoft('notifications', { next: 'reorder', count: 10 })
    await deliver(300)
    await killRuntime()
    await microsoft('fault', { path: '/delta', times: 2, kind: '500' })
    await deliver(200)
    await microsoft('delta/expire', { account: ADDRESS })
    await deliver(200)
    await microsoft('fault', { path: '/messages/', times: 5, kind: 'cut' })
    await deliver(200)
    await killRuntime()
    await microsoft('notifications', { next: 'drop', count: 1000 })
    await deliver(300)
    await microsoft('delta/expire', { account: ADDRESS })
    await microsoft('fault', { path: '/delta', times: 1, kind: '429', retryAfter: 2 })
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
    expect(await microsoft('violations')).toEqual([])
  }, 900_000)
})
