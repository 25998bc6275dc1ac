// The first user's journey in a real browser: set up, connect a mailbox, read a ticket, answer it, and the customer's answer threads.
import AxeBuilder from 'axe-core'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { until } from '../support/running-app.mjs'
import { caught, OWNER, type Product, startProduct } from './harness'

let product: Product
let page: Page

beforeAll(async () => {
  product = await startProduct()
  page = await product.page()
}, 180_000)
afterAll(() => product?.dispose())

const mail = (lines: string[], body: string) =>
  Buffer.from([...lines, 'MIME-Version: 1.0', 'Content-Type: text/plain; charset=utf-8', '', body].join('\r\n'))

/** Problems axe-core finds on the page, as "rule: target". */
async function accessibilityProblems(target: Page): Promise<string[]> {
  await target.evaluate(AxeBuilder.source)
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
  await page.getByLabel('Password', { exact: false }).first().fill(OWNER.password)
  expect(await accessibilityProblems(page)).toEqual([])
  await page.getByRole('button', { name: 'Create workspace' }).click()
  await page.getByRole('heading', { level: 1, name: 'Tickets' }).waitFor()
  expect(await accessibilityProblems(page)).toEqual([])
}, 60_000)
