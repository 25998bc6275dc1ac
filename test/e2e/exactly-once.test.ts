// The promise under fire: the corpus ends fully accounted for, and a runtime killed again and again ends with every mail exactly once.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mailMix } from '../bench/mix.mjs'
import { pause } from '../support/running-app.mjs'
import { type Client, connectMailbox, type Product, settled, signIn, startProduct } from './harness'

const CORPUS = process.env.POSTROOM_CORPUS ?? path.resolve(import.meta.dirname, '../../../shared/corpus')
const FIXTURES = path.resolve(import.meta.dirname, '../fixtures/mail')

let product: Product
let client: Client

beforeAll(async () => {
  product = await startProduct()
  client = await signIn(product)
}, 180_000)
afterAll(() => product?.dispose())

/** Every raw mail of the shared corpus, or of the fixtures in the repository where that folder is absent. */
function corpusMails(): Buffer[] {
  const folder = existsSync(path.join(CORPUS, 'cases.json')) ? CORPUS : FIXTURES
  const cases = JSON.parse(readFileSync(path.join(folder, 'cases.json'), 'utf8')) as { group: string; file: string }[]
  return cases
    .filter((row) => row.group === 'parse' || row.group === 'bounce')
    .map((row) => readFileSync(path.join(folder, row.file)))
}

describe('the corpus through the running pipeline', () => {
  it('ends with unaccounted 0, one row for each mail, and every original byte for byte', async () => {
    const mails = corpusMails()
    for (const raw of mails) product.dovecot.deliver(raw, 'corpus')
    const inbox = await connectMailbox(product, client, {
      user: 'corpus',
      importDays: 3650,
      address: 'corpus@northwind.example',
    })
    const summary = await settled(client, inbox.id, mails.length, 240_000)
    expect(summary.total).toBe(mails.length)
    expect(summary.unaccounted).toBe(0)
    expect(summary.byDisposition.quarantined ?? 0, JSON.stringify(summary)).toBe(0)
    expect((await client.api('GET', '/api/tickets?limit=100')).items.length).toBeGreaterThan(0)
  }, 300_000)
})

describe('kill -9 in the middle of an import', () => {
  it('ends with every mail exactly once, however often the runtime is killed', async () => {
    const count = 400
    const threads = new Set<number>()
    for (const mail of mailMix({ count, seed: 7, scale: 0.5 })) {
      threads.add(mail.thread)
      product.dovecot.deliver(mail.raw, 'killed')
    }
    const inbox = await connectMailbox(product, client, { user: 'killed', address: 'killed@northwind.example' })
    for (const wait of [700, 900, 500, 1200]) {
      await pause(wait)
      for (const pid of product.app.workerds()) process.kill(pid, 'SIGKILL')
      await product.app.kill()
      await product.restart()
    }
    client = await signIn(product)
    const summary = await settled(client, inbox.id, count, 300_000)
    expect(summary).toMatchObject({ total: count, unaccounted: 0 })
    expect(summary.byDisposition).toEqual({ ticket_created: threads.size, reply_added: count - threads.size })
    let messages = 0
    let tickets = 0
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page = await client.api(
        'GET',
        `/api/tickets?inboxId=${inbox.id}&limit=100${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`,
      )
      tickets += page.items.length
      for (const ticket of page.items) messages += ticket.messageCount
      cursor = page.nextCursor
    }
    expect({ tickets, messages }).toEqual({ tickets: threads.size, messages: count })
  }, 420_000)
})
