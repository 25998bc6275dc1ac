// A Gmail inbox in a real browser: connect through Google's consent, receive by push, reply, thread, lose the grant, reconnect.
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { until } from '../support/running-app.mjs'
import { simulatorControl } from '../support/simulator.mjs'
import { type Client, type Product, signIn, startProduct } from './harness'

const SUPPORT = 'support@acme.example'
const OTHER = 'help@acme.example'
const JANE = 'jane@gmail.example'

let product: Product
let client: Client
let page: Page
let google: ReturnType<typeof simulatorControl>
let inboxId = ''

beforeAll(async () => {
  // Polling alone would take ten minutes: what arrives within the tests was pushed.
  product = await startProduct({ POSTROOM_POLL_SECONDS: '600' })
  client = await signIn(product)
  google = simulatorControl(product.app.googleUrl)
  page = await product.page()
  const [name, value] = client.cookie().split('=')
  await page.context().addCookies([{ name: name ?? '', value: value ?? '', url: product.app.base }])
}, 180_000)
afterAll(() => product?.dispose())
beforeEach(({ task, onTestFailed }) => {
  onTestFailed(async () => {
    await page.screenshot({ path: `test-results/${task.name.replace(/\W+/g, '-')}.png`, fullPage: true })
  })
})

async function accessibilityProblems(): Promise<string[]> {
  await page.evaluate(axe.source)
  return (await page.evaluate(
    "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa'] }).then((r) => r.violations.flatMap((v) => v.nodes.map((n) => v.id + ': ' + n.target.join(' '))))",
  )) as string[]
}

const inbox = () => client.api('GET', `/api/inboxes/${inboxId}`)
const tickets = async () => (await client.api('GET', `/api/tickets?inboxId=${inboxId}`)).items

/** Picks an account in Google's pages and allows what is asked. */
async function allowAs(account: string) {
  await page.getByRole('button', { name: account }).click()
  await page.getByRole('button', { name: 'Continue' }).click()
}

it('connects a Gmail inbox through the account picker, and refuses the wrong account with a choice', async () => {
  await page.goto(`${product.app.base}/inboxes/new`)
  await page.getByRole('radio', { name: /^(Google|Gmail)/ }).check({ force: true })
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByLabel('Email').fill(SUPPORT)
  expect(await accessibilityProblems()).toEqual([])
  await page.getByRole('button', { name: 'Connect with Google' }).click()
  await page.waitForURL(/\/o\/oauth2\/v2\/auth/)
  await allowAs(OTHER)
  await page.waitForURL(/\/inboxes\/inb_/)
  inboxId = new URL(page.url()).pathname.split('/')[2] ?? ''
  await page.getByText(OTHER).first().waitFor()
  expect((await inbox()).status).toBe('disconnected')
  expect(await accessibilityProblems()).toEqual([])
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.waitForURL(/\/o\/oauth2\/v2\/auth/)
  await allowAs(SUPPORT)
  await page.waitForURL(/\/inboxes\/inb_/)
  await page.getByText('Connected', { exact: true }).first().waitFor()
  expect(await accessibilityProblems()).toEqual([])
  expect((await inbox()).status).toBe('connected')
})

it('proves push: the first announcement switches the inbox from polling to push', async () => {
  const answer = await until('push mode', async () => {
    const found = await inbox()
    return found.delivery.mode === 'push' ? found : null
  })
  expect(answer.delivery.lastPushAt).not.toBeNull()
  expect(Date.parse(answer.delivery.expiresAt) - Date.now()).toBeGreaterThan(6 * 86_400_000)
})

it('receives by push, replies in the thread, and the answer comes back to the same ticket', async () => {
  await google('deliver', { to: SUPPORT, from: JANE, subject: 'The printer is on fire', text: 'Please help.\n\nJane' })
  await page.goto(product.app.base)
  await page.getByText('The printer is on fire').first().click()
  await page.getByText('Please help.').waitFor()
  const [ticket] = await tickets()
  const reply = await client.api('POST', `/api/tickets/${ticket.id}/replies`, { text: 'Try turning it off.' })
  await until('the reply is sent', async () => {
    const { messages } = await client.api('GET', `/api/tickets/${ticket.id}`)
    return messages.find((message: { id: string }) => message.id === reply.id)?.delivery?.state === 'sent'
  })
  // Jane's own simulated mailbox has it; she answers there.
  const hers = await until('the reply at the customer', async () => {
    const { messages } = await google(`messages?account=${JANE}`)
    return messages.find((message: { subject?: string }) => message.subject?.includes('printer'))
  })
  await google('send-as-user', {
    account: JANE,
    to: SUPPORT,
    subject: 'Re: The printer is on fire',
    text: 'That worked!',
    threadId: hers.threadId,
    inReplyTo: hers.id,
  })
  await until('the answer on the ticket', async () => (await tickets())[0]?.messageCount === 3)
  expect(await tickets()).toHaveLength(1)
  const summary = await client.api('GET', `/api/inboxes/${inboxId}/ledger`)
  expect(summary.summary.unaccounted).toBe(0)
})

it("shows a reply written in Gmail's own window on the ticket, as ours", async () => {
  const { messages } = await google(`messages?account=${SUPPORT}`)
  const thread = messages.find((message: { subject?: string }) => message.subject?.includes('printer'))
  await google('send-as-user', {
    account: SUPPORT,
    to: JANE,
    subject: 'Re: The printer is on fire',
    text: 'Glad to hear that.',
    threadId: thread.threadId,
    inReplyTo: thread.id,
  })
  const [ticket] = await until('the message', async () => {
    const items = await tickets()
    return items[0]?.messageCount === 4 ? items : null
  })
  const detail = await client.api('GET', `/api/tickets/${ticket.id}`)
  const last = detail.messages.find((message: { text: string }) => message.text.includes('Glad to hear'))
  expect(last.direction).toBe('outbound')
  expect(ticket.contact.email).toBe(JANE)
})

it('names a revoked grant, and reconnecting fetches what arrived meanwhile', async () => {
  await google('revoke', { account: SUPPORT })
  await google('deliver', { to: SUPPORT, from: JANE, subject: 'While you were away', text: 'Hello?' })
  await client.request('POST', `/api/inboxes/${inboxId}/sync`)
  const broken = await until('the failure', async () => {
    const found = await inbox()
    return found.status === 'error' ? found : null
  })
  expect(broken.statusDetail).toMatchObject({ code: 'oauth_refresh_failed', action: 'reconnect' })
  await page.goto(`${product.app.base}/inboxes/${inboxId}`)
  expect(await accessibilityProblems()).toEqual([])
  await page
    .getByRole('button', { name: /^Reconnect/ })
    .first()
    .click()
  await page.waitForURL(/\/o\/oauth2\/v2\/auth/)
  await allowAs(SUPPORT)
  await page.waitForURL(/\/inboxes\/inb_/)
  await until('the mail of the gap', async () =>
    (await tickets()).some((ticket: { subject: string }) => ticket.subject === 'While you were away'),
  )
  expect(await inbox()).toMatchObject({ status: 'connected', statusDetail: null })
})

it('keeps every token out of answers, pages and logs, and every request within the contracts', async () => {
  const { tokens } = await google('state')
  expect(tokens.length).toBeGreaterThan(2)
  const evidence = product.evidence().join('\n')
  for (const token of tokens as string[]) expect(evidence.includes(token), 'a token in plain sight').toBe(false)
  expect(await google('violations')).toEqual([])
})
