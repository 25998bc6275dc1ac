// Microsoft in a real browser: a profile and its binding, connect through Entra's consent, receive by notification, reply, a shared
// mailbox, one that the app opens by itself, a grant that is lost and given again, and a profile that cannot be parted with while in use.
import axe from 'axe-core'
import type { Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { until } from '../support/running-app.mjs'
import { simulatorControl } from '../support/simulator.mjs'
import { type Client, type Product, signIn, startProduct } from './harness'

const SUPPORT = 'support@contoso.example'
const INFO = 'info@contoso.example'
const ANNA = 'anna@contoso.example'
const STRANGER = 'adele@fabrikam.example'
/** The simulator's app for contoso alone. */
const APP = { clientId: '22222222-2222-4222-a222-222222222222', secret: 'simulated~single-tenant-secret' }
/** How the simulator's authorization codes begin. */
const CODE = '1.AQ'
const SETTINGS = '/settings/integrations/microsoft'

let product: Product
let client: Client
let page: Page
let microsoft: ReturnType<typeof simulatorControl>
let inboxId = ''

beforeAll(async () => {
  // Polling alone would take ten minutes: what arrives within the tests was announced.
  product = await startProduct({ POSTROOM_POLL_SECONDS: '600' })
  client = await signIn(product)
  microsoft = simulatorControl(product.app.microsoftUrl)
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

/** What is still fading in has no contrast yet. */
async function settled() {
  await page.waitForTimeout(100)
  await page.evaluate(
    'Promise.all(document.getAnimations().filter((a) => a.effect.getTiming().iterations !== Infinity).map((a) => a.finished.catch(() => {})))',
  )
}

async function accessibilityProblems(): Promise<string[]> {
  await settled()
  await page.evaluate(axe.source)
  return (await page.evaluate(
    "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa'] }).then((r) => r.violations.flatMap((v) => v.nodes.map((n) => v.id + ': ' + n.target.join(' '))))",
  )) as string[]
}

const inbox = () => client.api('GET', `/api/inboxes/${inboxId}`)
const tickets = async () => (await client.api('GET', `/api/tickets?inboxId=${inboxId}`)).items
const open = (path: string) => page.goto(`${product.app.base}${path}`)
const section = (name: string) => page.getByRole('region', { name, exact: true })

/** Picks an account in Entra's pages and accepts what is asked, if anything is. */
async function signInAs(account: string) {
  await page.waitForURL(/\/oauth2\/v2\.0\/authorize/)
  await page.getByRole('button', { name: account }).click()
  await page.waitForURL((url) => !url.pathname.endsWith('/authorize'))
  const accept = page.getByRole('button', { name: 'Accept' })
  if (await accept.isVisible()) await accept.click()
  await page.waitForURL(/\/inboxes\/inb_/)
}

/** Fills the form for a new inbox as far as the last button; answers that button's press. */
async function newInbox(kind: RegExp, email: string) {
  await open('/inboxes/new')
  await page.getByRole('radio', { name: /^Microsoft/ }).check({ force: true })
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByRole('radio', { name: kind }).check({ force: true })
  await page.getByLabel('Email').fill(email)
  expect(await accessibilityProblems()).toEqual([])
  await page.getByRole('button', { name: 'Connect with Microsoft' }).click()
}

const hasFocus = (target: Locator) => target.and(page.locator(':focus')).isVisible()
const ownId = () => new URL(page.url()).pathname.split('/')[2] ?? ''

it("shows that the server's own app serves email until a profile is bound", async () => {
  await open(SETTINGS)
  await section('Email').getByText('Ready', { exact: true }).waitFor()
  await section('Email').getByText("server's own Microsoft app").waitFor()
  await section('Email').getByText('/api/auth/microsoft/callback').waitFor()
  expect(await accessibilityProblems()).toEqual([])
})

it('adds a profile and binds it to email; the secret goes in and never comes out', async () => {
  const add = page.getByRole('button', { name: 'Add profile' })
  const dialog = page.getByRole('dialog')
  await add.press('Enter')
  await dialog.waitFor()
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
  await until('the focus where it was', () => hasFocus(add))
  await add.click()
  await dialog.getByLabel('Name').fill('Contoso')
  await dialog.getByLabel('Client id').fill(APP.clientId)
  await dialog.getByLabel('Client secret').fill(APP.secret)
  await dialog.getByLabel('Directory', { exact: true }).fill('contoso.example')
  expect(await accessibilityProblems()).toEqual([])
  await dialog.getByRole('button', { name: 'Add profile' }).click()
  await dialog.waitFor({ state: 'detached' })
  await section('Email').getByLabel('Profile for Email').click()
  await page.getByRole('option', { name: 'Contoso' }).click()
  await section('Email').getByRole('button', { name: 'Use this profile' }).click()
  await section('Email').getByText('Served by Contoso.').waitFor()
  await page.getByRole('button', { name: 'More about Contoso' }).click()
  await page.getByRole('menuitem', { name: 'Edit' }).click()
  expect(await dialog.getByLabel('Client secret').inputValue()).toBe('')
  await dialog.getByLabel('Name').fill('Contoso mail')
  await dialog.getByRole('button', { name: 'Save profile' }).click()
  await section('Email').getByText('Served by Contoso mail.').waitFor()
  expect(await accessibilityProblems()).toEqual([])
})

it('refuses to archive or delete a profile in use, and names the use', async () => {
  for (const how of ['Archive', 'Delete']) {
    const more = page.getByRole('button', { name: 'More about Contoso mail' })
    await more.click()
    await page.getByRole('menuitem', { name: how }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('In use by Email').waitFor()
    await dialog.getByRole('button', { name: 'Close' }).last().click()
    await dialog.waitFor({ state: 'detached' })
    await until('the focus where it was', () => hasFocus(more))
  }
})

it('connects a mailbox through the account picker, and tells who signed in with another account', async () => {
  await newInbox(/^My own/, SUPPORT)
  await signInAs(ANNA)
  inboxId = ownId()
  await page.getByText(`You signed in as ${ANNA}`).waitFor()
  expect((await inbox()).status).toBe('disconnected')
  expect(await accessibilityProblems()).toEqual([])
  await page.getByRole('button', { name: 'Try again' }).click()
  await signInAs(SUPPORT)
  await page.getByText(`Connected to ${SUPPORT}`).waitFor()
  expect(await inbox()).toMatchObject({ status: 'connected', connection: { microsoft: { kind: 'own' } } })
  const pushed = await until('push mode', async () => {
    const found = await inbox()
    return found.delivery.mode === 'push' ? found : null
  })
  expect(Date.parse(pushed.delivery.expiresAt) - Date.now()).toBeGreaterThan(2 * 86_400_000)
  await section('How new mail is noticed').getByText('Push', { exact: true }).waitFor()
  expect(await accessibilityProblems()).toEqual([])
})

it('names the inbox that another app for email would leave, before anything is saved', async () => {
  const warning = page.getByText(/^The inbox \w+ will ask to be connected again\./)
  const dialog = page.getByRole('dialog')
  await open(SETTINGS)
  await page.getByRole('button', { name: 'More about Contoso mail' }).click()
  await page.getByRole('menuitem', { name: 'Edit' }).click()
  await dialog.getByLabel('Client id').fill('another-client')
  await warning.waitFor()
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await dialog.waitFor({ state: 'detached' })
  await section('Email').getByRole('button', { name: 'Remove' }).click()
  await warning.waitFor()
  expect(await accessibilityProblems()).toEqual([])
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await dialog.waitFor({ state: 'detached' })
  await section('Email').getByText('Served by Contoso mail.').waitFor()
})

it('receives by notification, replies in the thread, and the answer comes back to the same ticket', async () => {
  await microsoft('deliver', {
    to: SUPPORT,
    from: STRANGER,
    subject: 'The printer is on fire',
    text: 'Please help.',
    links: ['photos.zip'],
  })
  await open('/')
  await page.getByText('The printer is on fire').first().click()
  await page.getByText('Please help.').waitFor()
  const link = page.getByRole('listitem').filter({ hasText: 'photos.zip' })
  await link.getByText('In the sender’s cloud storage').waitFor()
  expect(await link.getByRole('button').count()).toBe(0)
  expect(await accessibilityProblems()).toEqual([])
  const [ticket] = await tickets()
  const reply = await client.api('POST', `/api/tickets/${ticket.id}/replies`, { text: 'Try turning it off.' })
  await until('the reply is sent', async () => {
    const { messages } = await client.api('GET', `/api/tickets/${ticket.id}`)
    return messages.find((message: { id: string }) => message.id === reply.id)?.delivery?.state === 'sent'
  })
  const hers = await until('the reply at the customer', async () => {
    const { messages } = await microsoft(`messages?account=${STRANGER}`)
    return messages.find((message: { subject?: string }) => message.subject?.includes('printer'))
  })
  await microsoft('send-as-user', {
    account: STRANGER,
    to: SUPPORT,
    subject: 'Re: The printer is on fire',
    text: 'That worked!',
    inReplyTo: hers.id,
  })
  await until('the answer on the ticket', async () => (await tickets())[0]?.messageCount === 3)
  expect(await tickets()).toHaveLength(1)
})

it('moves mail that is on a ticket to a folder once Microsoft was asked for that, and goes on by push', async () => {
  const { messages: before } = await microsoft(`messages?account=${SUPPORT}`)
  expect(before.every((message: { folder: string }) => message.folder !== 'Processed')).toBe(true)
  await open(`/inboxes/${inboxId}`)
  const marking = section('When a mail is on a ticket')
  await marking.getByRole('radio', { name: /^Move/ }).check({ force: true })
  await marking.getByRole('textbox', { name: 'Folder' }).fill('Processed')
  await marking.getByRole('button', { name: 'Save' }).click()
  await marking.getByText('Reconnect to let Postroom mark mail').waitFor()
  expect(await accessibilityProblems()).toEqual([])
  await marking.getByRole('button', { name: 'Reconnect' }).click()
  await signInAs(SUPPORT)
  await page.getByText(`Connected to ${SUPPORT}`).waitFor()
  expect((await inbox()).markProcessed).toEqual({ action: 'move', folder: 'Processed', problem: null, stopped: false })

  const known = (await tickets()).length
  for (const subject of ['To be filed', 'To be filed as well']) {
    await microsoft('deliver', { to: SUPPORT, from: STRANGER, subject, text: 'Hello.' })
    await until(`${subject} in its folder`, async () => {
      const { messages } = await microsoft(`messages?account=${SUPPORT}`)
      return messages.find((message: { subject: string }) => message.subject === subject)?.folder === 'Processed'
    })
  }
  await client.api('POST', `/api/inboxes/${inboxId}/sync`)
  expect(await tickets()).toHaveLength(known + 2)
  expect((await inbox()).delivery.mode).toBe('push')
})

it('diagnoses the mailbox step by step', async () => {
  await open(`/inboxes/${inboxId}`)
  await page.getByRole('button', { name: 'Diagnose' }).click()
  await page.getByText('It works.').waitFor()
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.getByRole('button', { name: 'Copy support bundle' }).click()
  const bundle = await page.evaluate<string>('navigator.clipboard.readText()')
  expect(bundle).toContain('[pass] Push')
  product.seen.push(bundle)
  expect(await accessibilityProblems()).toEqual([])
})

it('names a revoked grant, and reconnecting fetches what arrived meanwhile', async () => {
  await microsoft('revoke', { account: SUPPORT })
  await microsoft('deliver', { to: SUPPORT, from: STRANGER, subject: 'While you were away', text: 'Hello?' })
  await client.request('POST', `/api/inboxes/${inboxId}/sync`)
  const broken = await until('the failure', async () => {
    const found = await inbox()
    return found.status === 'error' ? found : null
  })
  expect(broken.statusDetail).toMatchObject({ code: 'oauth_refresh_failed', action: 'reconnect' })
  await open(`/inboxes/${inboxId}`)
  expect(await accessibilityProblems()).toEqual([])
  await page
    .getByRole('button', { name: /^Reconnect/ })
    .first()
    .click()
  await signInAs(SUPPORT)
  await until('the mail of the gap', async () =>
    (await tickets()).some((ticket: { subject: string }) => ticket.subject === 'While you were away'),
  )
  expect(await inbox()).toMatchObject({ status: 'connected', statusDetail: null })
})

it('opens a shared mailbox with the account of a delegate, and not with one that is none', async () => {
  await newInbox(/^A shared mailbox/, INFO)
  await signInAs(SUPPORT)
  inboxId = ownId()
  await page.getByText(`${SUPPORT} may not open ${INFO}`).waitFor()
  await page.getByRole('button', { name: 'Try again' }).click()
  await signInAs(ANNA)
  await page.getByText(`Connected to ${INFO}`).waitFor()
  expect((await inbox()).connection.microsoft).toMatchObject({ kind: 'shared', address: INFO, account: ANNA })
  await page.getByText(`Shared mailbox ${INFO}, opened by ${ANNA}`).waitFor()
  expect(await accessibilityProblems()).toEqual([])
})

it('says on the reply that the account may not send as the shared mailbox, and sends it once it may', async () => {
  await microsoft('accounts', { email: INFO, sendAs: [] })
  await microsoft('deliver', { to: INFO, from: STRANGER, subject: 'Opening hours', text: 'When are you open?' })
  const ticket = await until('the ticket', async () => (await tickets())[0] ?? null)
  await client.api('POST', `/api/tickets/${ticket.id}/replies`, { text: 'From nine to five.' })
  await open(`/tickets/${ticket.id}`)
  const alert = page.getByRole('alert').filter({ hasText: 'Not sent' })
  await alert.getByText('does not let the connected account send as this address').waitFor()
  await alert.getByText('“Send as”').waitFor()
  expect(await accessibilityProblems()).toEqual([])
  await microsoft('accounts', { email: INFO, sendAs: [ANNA] })
  await alert.getByRole('button', { name: 'Retry' }).click()
  await page.getByText('Microsoft 365 accepted the message.').waitFor()
  const { messages } = await microsoft(`messages?account=${STRANGER}`)
  expect(messages.filter(({ subject }: { subject: string }) => subject.includes('Opening hours'))).toHaveLength(1)
})

it('opens a mailbox by the app itself, where nobody has to sign in', async () => {
  await newInbox(/^Any mailbox/, ANNA)
  await page.waitForURL(/\/inboxes\/inb_/)
  inboxId = ownId()
  await page.getByText('Connected', { exact: true }).first().waitFor()
  expect((await inbox()).connection.microsoft).toMatchObject({ kind: 'app', address: ANNA, account: null })
  await page.getByText(`${ANNA}, opened by the app itself`).waitFor()
  expect(await accessibilityProblems()).toEqual([])
})

it('deletes a profile that serves nothing, and says so', async () => {
  await client.api('POST', '/api/microsoft/profiles', {
    displayName: 'Short-lived',
    clientId: APP.clientId,
    clientSecret: APP.secret,
    directoryTenant: 'contoso.example',
  })
  await open(SETTINGS)
  await page.getByRole('button', { name: 'More about Short-lived' }).click()
  expect((await accessibilityProblems()).filter((problem) => problem.startsWith('color-contrast'))).toEqual([])
  await page.getByRole('menuitem', { name: 'Delete' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await page.getByText('Short-lived is deleted.').waitFor()
  expect(await page.getByRole('button', { name: 'More about Short-lived' }).count()).toBe(0)
})

it('keeps every token and secret out of answers, pages and logs, and every request within the contracts', async () => {
  const { tokens } = await microsoft('state')
  expect(tokens.length).toBeGreaterThan(2)
  const evidence = product.evidence().join('\n')
  for (const secret of [...(tokens as string[]), APP.secret]) {
    // A code comes back in the browser's address, once, and is of use to nobody else; a log is no place for it.
    const place = secret.startsWith(CODE) ? product.app.log() : evidence
    expect(place.includes(secret), 'a secret in plain sight').toBe(false)
  }
  expect(await microsoft('violations')).toEqual([])
})
