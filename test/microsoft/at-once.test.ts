// Microsoft takes four requests to a mailbox at once. Whatever is going on there, it never gets a fifth.
import { afterAll, afterEach, expect, it } from 'vitest'
import {
  control,
  deliver,
  expectNoViolations,
  messagesOf,
  microsoft,
  newAccount,
  state,
} from '../support/microsoft-lab'
import { newDesk } from './desk'

afterEach(async () => {
  await control('latency', { ms: 0 })
})
afterAll(expectNoViolations)

it('an import, checks, replies and a diagnosis at the same time stay within four requests, and all of it is done', async () => {
  const customer = await newAccount()
  const desk = await newDesk()
  const ask = (n: number, filler = 0) =>
    deliver(
      desk.account,
      `From: ${customer.email}\r\nTo: ${desk.account.email}\r\nSubject: question ${n}\r\nMessage-ID: <${crypto.randomUUID()}@x.example>\r\n\r\n${'line of text\r\n'.repeat(1 + filler)}`,
    )
  for (let n = 0; n < 8; n++) await ask(n)
  await desk.sync()
  const tickets = await desk.tickets()
  expect(tickets).toHaveLength(8)
  for (let n = 0; n < 300; n++) await ask(100 + n, n % 60 === 0 ? 300_000 : 0)
  await desk.check()

  await control('latency', { ms: 15 })
  for (const { id } of tickets) await desk.reply(String(id))
  const jobs = desk.jobs.splice(0)
  const replies = jobs.filter(({ kind }) => kind === 'outbound')
  expect(replies).toHaveLength(8)
  let importing = true
  const others = jobs.filter((job) => !replies.includes(job))
  const imported = Promise.all(others.map(desk.run)).finally(() => {
    importing = false
  })
  const checking = (async () => {
    while (importing) await desk.check()
  })()
  const [{ ok }] = await Promise.all([desk.diagnose(), imported, checking, ...replies.map(desk.run)])
  expect(ok).toBe(true)
  await desk.work()

  const spent = (await state()).quota.pairs[`${microsoft.clientId} ${desk.account.email}`]
  expect(spent).toMatchObject({ refused: 0, crowded: 0 })
  expect(spent?.most).toBe(4)
  const ledger = await desk.ledger()
  expect(ledger.filter(({ disposition }) => disposition === 'ticket_created')).toHaveLength(308)
  expect(ledger.every((row) => row.state === 'done')).toBe(true)
  expect((await messagesOf(customer)).filter(({ folder }) => folder === 'inbox')).toHaveLength(8)
  for (const { id } of tickets)
    expect((await desk.messages(String(id))).map((row) => row.delivery_state)).toEqual([null, 'sent'])
}, 120_000)
