// The whole product for end-to-end tests: `npm start` in its own state folder, a private Dovecot, headless Chromium, and every
// response and log line kept so that the secrets used can be looked for in them.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { findProgram } from '../../scripts/lib/system.mjs'
import { startDovecot } from '../support/dovecot.mjs'
import { startApp, until } from '../support/running-app.mjs'

export const OWNER = {
  tenantName: 'Northwind',
  name: 'Olivia Owner',
  email: 'olivia@northwind.example',
  password: 'correct horse battery 7',
}

type App = Awaited<ReturnType<typeof startApp>>
export type Product = Awaited<ReturnType<typeof startProduct>>

/** Starts Dovecot and the app; `restart` and `kill` act on the app and keep its state. */
export async function startProduct(env: Record<string, string> = {}) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'postroom-e2e-'))
  chmodSync(folder, 0o755) // Dovecot reads its mail as another user
  const dovecot = await startDovecot({ dir: path.join(folder, 'dovecot') })
  const settings = { POSTROOM_POLL_SECONDS: '5', NODE_EXTRA_CA_CERTS: dovecot.ca, ...env }
  let app: App = await startApp({ env: settings })
  let browser: Browser | undefined
  const seen: string[] = []
  return {
    dovecot,
    seen,
    get app() {
      return app
    },
    /** Everything the app printed and every response body a page or `api` got. */
    evidence: () => [app.log(), ...seen],
    async restart() {
      const { state, port } = app
      seen.push(app.log())
      app = await startApp({ state, port, env: settings })
    },
    async page(options: { width?: number; height?: number; dark?: boolean } = {}): Promise<Page> {
      browser ??= await chromium.launch({
        executablePath: findProgram('chromium') ?? undefined,
        args: [
          '--no-sandbox',
          '--disable-gpu',
          '--disable-background-networking',
          '--disable-component-update',
          '--disable-sync',
        ],
      })
      const context = await browser.newContext({
        viewport: { width: options.width ?? 1280, height: options.height ?? 860 },
        colorScheme: options.dark ? 'dark' : 'light',
        locale: 'en-GB',
      })
      const page = await context.newPage()
      page.on('response', async (response) => {
        const body = await response.text().catch(() => '')
        seen.push(`${response.url()} ${JSON.stringify(response.headers())} ${body}`)
      })
      page.on('console', (message) => seen.push(message.text()))
      return page
    },
    async dispose() {
      await browser?.close()
      await app.dispose()
      await dovecot.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A signed-in API client; the first call of a fresh product makes the workspace. */
export async function signIn(product: Product) {
  const jar = { cookie: '' }
  const request = async (method: string, route: string, body?: unknown): Promise<Response> => {
    const response = await fetch(`${product.app.base}${route}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(jar.cookie ? { cookie: jar.cookie } : {}),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
    const cookie = response.headers.getSetCookie().find((line) => line.startsWith('postroom_session='))
    if (cookie) jar.cookie = cookie.split(';')[0] ?? ''
    return response
  }
  // biome-ignore lint/suspicious/noExplicitAny: answers are judged by the tests that read them
  const api = async (method: string, route: string, body?: unknown): Promise<any> => {
    const response = await request(method, route, body)
    const text = await response.text()
    product.seen.push(`${route} ${text}`)
    if (!response.ok) throw new Error(`${method} ${route}: ${response.status} ${text}`)
    return text ? JSON.parse(text) : null
  }
  const { needed } = await api('GET', '/api/setup')
  if (needed) await api('POST', '/api/setup', OWNER)
  else await api('POST', '/api/auth/sign-in', { email: OWNER.email, password: OWNER.password })
  return { api, request, cookie: () => jar.cookie }
}
export type Client = Awaited<ReturnType<typeof signIn>>

/** Connects the product's Dovecot and SMTP catcher as an IMAP inbox; answers the inbox. */
export async function connectMailbox(
  product: Product,
  client: Client,
  options: { user?: string; importDays?: number; address?: string } = {},
) {
  const inbox = await client.api('POST', '/api/inboxes', {
    name: 'Support',
    displayName: 'Northwind Support',
    emailAddress: options.address ?? 'support@northwind.example',
    connectionType: 'imap',
  })
  if (options.importDays !== undefined)
    await client.api('PATCH', `/api/inboxes/${inbox.id}`, { importDays: options.importDays })
  return client.api('PUT', `/api/inboxes/${inbox.id}/connection/imap`, {
    imap: {
      host: 'localhost',
      port: product.dovecot.imapsPort,
      security: 'tls',
      username: options.user ?? product.dovecot.user,
      password: product.dovecot.password,
    },
    smtp: { host: 'localhost', port: product.app.smtpPort, security: 'none', username: '', password: '' },
  })
}

/** Waits until the inbox has `total` ledger rows and none of them is without a disposition. */
export function settled(client: Client, inboxId: string, total: number, ms = 120_000) {
  return until(
    `${total} mails accounted for`,
    async () => {
      const { summary } = await client.api('GET', `/api/inboxes/${inboxId}/ledger?limit=1`)
      return summary.total >= total && summary.unaccounted === 0 ? summary : null
    },
    ms,
    250,
  )
}

/** What the SMTP catcher has received, newest first, with the raw message as text. */
export async function caught(
  product: Product,
): Promise<{ id: number; envelope: { from: string; to: string[] }; raw: string }[]> {
  const response = await fetch(`http://localhost:${product.app.webPort}/messages.json?raw`)
  return response.json() as Promise<{ id: number; envelope: { from: string; to: string[] }; raw: string }[]>
}
