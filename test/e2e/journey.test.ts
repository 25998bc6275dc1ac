// The first user's journey in a real browser: set up, connect a mailbox, read a ticket, answer it, and the customer's answer threads.
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { readVars } from '../../scripts/lib/settings.mjs'
import { until } from '../support/running-app.mjs'
import { caught, OWNER, type Product, startProduct } from './harness'

let product: Product
let page: Page

beforeAll(async () => {
  product = await startProduct()
  page = await product.page()
}, 180_000)
afterAll(() => product?.dispose())
beforeEach(({ task, onTestFailed }) => {
  onTestFailed(async () => {
    await page.screenshot({ path: `test-results/${task.name.replace(/\W+/g, '-')}.png`, fullPage: true })
  })
})

const WRONG_PASSWORD = 'not-the-password-0042'

const mail = (lines: string[], body: string) =>
  Buffer.from([...lines, 'MIME-Version: 1.0', 'Content-Type: text/plain; charset=utf-8', '', body].join('\r\n'))

/** The secrets this run of the Worker was started with. */
const workerSecrets = () => {
  const { AUTH_SECRET, OPERATOR_TOKEN, ENCRYPTION_KEYS } = readVars(`${product.app.state}/.dev.vars`)
  return { AUTH_SECRET, OPERATOR_TOKEN, ENCRYPTION_KEYS } as Record<string, string>
}

/** Problems axe-core finds on the page, as "rule: target". */
async function accessibilityProblems(target: Page): Promise<string[]> {
  await target.evaluate(axe.source)
  const found = (await target.evaluate(
    "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa'] }).then((r) => r.violations.flatMap((v) => v.nodes.map((n) => v.id + ': ' + n.target.join(' '))))",
  )) as string[]
  return found
}

it('goes from the first visit to a signed-in workspace', async () => {
  await page.goto(product.app.base)
  await page.getByLabel('Workspace name').fill(OWNER.tenantName)
  await page.getByLabel('Your name').fill(OWNER.name)
  await page.getByLabel('Email').fill(OWNER.email)
  await page.getByRole('textbox', { name: 'Password' }).fill(OWNER.password)
  expect(await accessibilityProblems(page)).toEqual([])
  await page.getByRole('button', { name: 'Create workspace' }).click()
  await page.getByRole('heading', { level: 1, name: 'Tickets' }).waitFor()
  expect(await accessibilityProblems(page)).toEqual([])
})

it('connects a mailbox: a wrong password says what to do, the right one connects', async () => {
  product.dovecot.deliver(
    mail(
      [
        'From: Jane Miller <jane@customer.example>',
        'To: support@northwind.example',
        'Subject: The printer is on fire',
        'Message-ID: <first@customer.example>',
        `Date: ${new Date().toUTCString()}`,
      ],
      'Please help.\r\n\r\nJane',
    ),
  )
  await page.goto(`${product.app.base}/inboxes/new`)
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByLabel('Email').fill('support@northwind.example')
  const receiving = page.getByRole('group', { name: 'Receiving (IMAP)' })
  const sending = page.getByRole('group', { name: 'Sending (SMTP)' })
  await receiving.getByLabel('Server').fill('localhost')
  await receiving.getByLabel('Port').fill(String(product.dovecot.imapsPort))
  await receiving.getByLabel('User name').fill(product.dovecot.user)
  await receiving.getByRole('textbox', { name: 'Password' }).fill(WRONG_PASSWORD)
  await sending.getByLabel('Same user name and password as for receiving').uncheck()
  await sending.getByLabel('Server').fill('localhost')
  await sending.getByLabel('Security').selectOption('none')
  await sending.getByLabel('Port').fill(String(product.app.smtpPort))
  await page.getByText('The password would travel unencrypted').waitFor()

  await page.getByRole('button', { name: 'Test connection' }).click()
  await page
    .getByText(/password/i)
    .filter({ hasText: /not accept|wrong|refused|check/i })
    .first()
    .waitFor()
  expect(await accessibilityProblems(page)).toEqual([])
  await receiving.getByRole('textbox', { name: 'Password' }).fill(product.dovecot.password)
  await page.getByRole('button', { name: 'Test connection' }).click()
  await page.getByText('Open INBOX').waitFor()
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByRole('button', { name: 'Save and connect' }).click()
  await page
    .getByText(/Connected since/)
    .first()
    .waitFor()
})

it('turns the mail into a ticket that appears by itself', async () => {
  await page.goto(product.app.base)
  await page.getByText('The printer is on fire').first().click()
  await page.getByRole('heading', { level: 1, name: /The printer is on fire/ }).waitFor()
  await page.getByText('Please help.').waitFor()
  expect(await accessibilityProblems(page)).toEqual([])
})

it('sends a reply from the browser that arrives at the SMTP server, and the answer to it threads', async () => {
  await page.getByLabel('Reply', { exact: true }).fill('Step away from the printer. Help is on the way.')
  await page
    .locator('input[type=file]')
    .setInputFiles({ name: 'übersicht.txt', mimeType: 'text/plain', buffer: Buffer.from('exit by the left door') })
  await page.getByText('übersicht.txt').waitFor()
  await page.getByRole('button', { name: 'Send', exact: true }).click()
  const [sent] = await until('the reply at the SMTP server', async () => {
    const all = await caught(product)
    return all.length > 0 ? all : null
  })
  expect(sent?.envelope).toEqual({ from: 'support@northwind.example', to: ['jane@customer.example'] })
  expect(sent?.raw).toContain('Step away from the printer')
  expect(sent?.raw).toMatch(/^In-Reply-To: <first@customer\.example>/m)
  const messageId = /^Message-ID:\s*(<[^>]+>)/im.exec(sent?.raw ?? '')?.[1]
  await page.getByText(/^Sent/).first().waitFor()

  product.dovecot.deliver(
    mail(
      [
        'From: Jane Miller <jane@customer.example>',
        'To: support@northwind.example',
        'Subject: AW: something else entirely',
        'Message-ID: <second@customer.example>',
        `In-Reply-To: ${messageId}`,
        `Date: ${new Date().toUTCString()}`,
      ],
      'It is out now, thanks!\r\n\r\nOn Fri, 20 Nov 2026 at 10:00, Northwind Support <support@northwind.example> wrote:\r\n> Step away from the printer.\r\n',
    ),
  )
  await page.getByText('It is out now, thanks!').waitFor({ timeout: 30_000 })
  expect(await page.getByRole('article').count()).toBe(3)
})

it('explains why a message is on the ticket and gives the original back', async () => {
  await page.getByRole('article').last().getByRole('button', { name: 'More about this message' }).click()
  await page.getByRole('menuitem', { name: 'Why here?' }).click()
  await page
    .getByText(/signed token/i)
    .first()
    .waitFor()
  await page.keyboard.press('Escape')
})

it('keeps every screen usable at 390 px and in the dark', async () => {
  const cookies = await page.context().cookies()
  for (const dark of [false, true]) {
    const phone = await product.page({ width: 390, height: 800, dark })
    await phone.context().addCookies(cookies)
    const ticket = (await (await phone.request.get(`${product.app.base}/api/tickets`)).json()).items[0].id
    const inbox = (await (await phone.request.get(`${product.app.base}/api/inboxes`)).json()).items[0].id
    for (const route of [
      '/tickets',
      `/tickets/${ticket}`,
      '/inboxes',
      '/inboxes/new',
      `/inboxes/${inbox}`,
      `/inboxes/${inbox}/ledger`,
      '/people',
      '/account',
    ]) {
      await phone.goto(`${product.app.base}${route}`)
      await phone.getByRole('heading', { level: 1 }).first().waitFor()
      await phone.waitForLoadState('networkidle')
      const overflow = await phone.evaluate(
        'document.documentElement.scrollWidth - document.documentElement.clientWidth',
      )
      expect(overflow, `${route} scrolls sideways`).toBe(0)
      expect(await accessibilityProblems(phone), `${route} ${dark ? 'dark' : 'light'}`).toEqual([])
    }
    await phone.context().close()
  }
}, 120_000)

it('has shown no secret in any response, page message or log line', async () => {
  const secrets = [product.dovecot.password, WRONG_PASSWORD, OWNER.password, ...Object.values(workerSecrets())]
  const evidence = product.evidence()
  expect(evidence.join('').length).toBeGreaterThan(10_000)
  for (const secret of secrets)
    expect(evidence.filter((text) => text.includes(secret)).map((text) => text.slice(0, 120))).toEqual([])
})
