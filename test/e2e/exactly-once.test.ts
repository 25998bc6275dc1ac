// The promise under fire: the corpus ends fully accounted for, and a runtime killed again and again ends with every mail exactly once.
import { createHash } from 'node:crypto'
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
  const shared = existsSync(path.join(CORPUS, 'cases.json'))
  const folders = shared ? [CORPUS] : [path.join(FIXTURES, 'parse'), path.join(FIXTURES, 'bounce')]
  return folders.flatMap((folder) => {
    const cases = JSON.parse(readFileSync(path.join(folder, 'cases.json'), 'utf8')) as { group: string; file: string }[]
    return cases
      .filter((row) => row.group === 'parse' || row.group === 'bounce')
      .map((row) => readFileSync(path.join(folder, row.file)))
  })
}

const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** What Dovecot's IMAP gives for a Maildir file: lone LF becomes CRLF, NUL (not allowed in IMAP) becomes 0x80. */
const asServed = (raw: Buffer) =>
  Buffer.from(
    raw
      .toString('latin1')
      .replace(/(?<!\r)\n/g, '\r\n')
      .replaceAll('\0', '\x80'),
    'latin1',
  )

/** Tickets of an inbox, page by page. */
async function ticketsOf(inboxId: string): Promise<{ id: string; messageCount: number }[]> {
  const tickets: { id: string; messageCount: number }[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page = await client.api(
      'GET',
      `/api/tickets?inboxId=${inboxId}&limit=100${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`,
    )
    tickets.push(...page.items)
    cursor = page.nextCursor
  }
  return tickets
}

/** SHA-256 of every original the API gives back for an inbox. */
async function originalsOf(inboxId: string): Promise<string[]> {
  const digests: string[] = []
  for (const { id } of await ticketsOf(inboxId)) {
    const { messages } = await client.api('GET', `/api/tickets/${id}`)
    for (const message of messages) {
      const response = await client.request('GET', `/api/messages/${message.id}/original`)
      digests.push(digestOf(new Uint8Array(await response.arrayBuffer())))
    }
  }
  return digests
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
    const sent = new Set(mails.map((raw) => digestOf(asServed(raw))))
    const landed = (summary.byDisposition.ticket_created ?? 0) + (summary.byDisposition.reply_added ?? 0)
    const originals = await originalsOf(inbox.id)
    expect(originals.length).toBe(landed)
    expect(originals.filter((digest) => !sent.has(digest))).toEqual([])
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
    const tickets = await ticketsOf(inbox.id)
    const messages = tickets.reduce((sum, ticket) => sum + ticket.messageCount, 0)
    expect({ tickets: tickets.length, messages }).toEqual({ tickets: threads.size, messages: count })
  }, 420_000)
})
