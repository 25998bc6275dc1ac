// Microsoft's own Graph client pointed at a running simulator, for the tests in this folder. The client knows nothing of the simulator:
// its fetch takes graph.microsoft.com and outlook.office.com to loopback, and links of answers back.
import { createHash } from 'node:crypto'
import { Client } from '@microsoft/microsoft-graph-client'
import { APPS, type MicrosoftOptions, startMicrosoft } from './server.ts'

const REDIRECT = 'http://localhost:8787/api/auth/microsoft/callback'
const GRAPH = 'https://graph.microsoft.com'
const OUTLOOK = 'https://outlook.office.com'
const VERIFIER = 'v'.repeat(64)
export const ALL_MAIL = 'offline_access User.Read Mail.ReadWrite Mail.Send MailboxSettings.ReadWrite'

export type Microsoft = Awaited<ReturnType<typeof startForTests>>

/** A simulator, `control` of it (a body makes it a POST), and clients of accounts that have consented. */
export async function startForTests(options: MicrosoftOptions = {}) {
  const microsoft = await startMicrosoft({ redirectUris: [REDIRECT], ...options })
  const { fetch: original } = globalThis
  const { origin } = new URL(microsoft.url)

  globalThis.fetch = async (input, init) => {
    const asked = input instanceof Request ? input.url : String(input)
    const graph = asked.startsWith(GRAPH)
    if (!graph && !asked.startsWith(OUTLOOK)) return original(input, init)
    const response = await original(asked.replace(graph ? GRAPH : OUTLOOK, origin), init)
    if (!response.headers.get('content-type')?.startsWith('application/json')) return response
    const text = await response.text()
    const body = text
      .replaceAll(`"${origin}/v1.0/`, `"${GRAPH}/v1.0/`)
      .replaceAll(`"${origin}/api/`, `"${OUTLOOK}/api/`)
    const headers = new Headers(response.headers)
    headers.delete('content-length')
    return new Response(response.status === 204 ? null : body, { status: response.status, headers })
  }

  // biome-ignore lint/suspicious/noExplicitAny: answers of many shapes, looked at by tests
  async function control(route: string, body?: object): Promise<any> {
    const response = await original(`${microsoft.url}/__control/${route}`, {
      method: body === undefined ? 'GET' : 'POST',
      body: body === undefined ? undefined : JSON.stringify(body),
    })
    const answer = await response.text()
    if (!response.ok) throw new Error(`${route}: ${answer}`)
    return JSON.parse(answer)
  }

  async function tokenOf(tenant: string, form: Record<string, string>): Promise<string> {
    const { clientId, secrets } = APPS.multi
    const response = await original(`${microsoft.url}/${tenant}/oauth2/v2.0/token`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: clientId, client_secret: secrets[0] ?? '', ...form }),
    })
    const answer = (await response.json()) as { access_token?: string; error_description?: string }
    if (!answer.access_token) throw new Error(answer.error_description)
    return answer.access_token
  }

  /** An access token of an account that has consented to the scopes. */
  async function signIn(account: string, scope: string): Promise<string> {
    const url = new URL(`${microsoft.url}/common/oauth2/v2.0/authorize`)
    url.search = new URLSearchParams({
      client_id: APPS.multi.clientId,
      redirect_uri: REDIRECT,
      response_type: 'code',
      scope,
      state: 'a state',
      code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'),
      code_challenge_method: 'S256',
    }).toString()
    const { location } = await control('authorize', { url: url.href, account })
    const code = new URL(location).searchParams.get('code') ?? ''
    const form = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT, code_verifier: VERIFIER }
    return tokenOf('common', form)
  }

  const clientOf = (token: string): Client =>
    Client.init({ authProvider: (done) => done(null, token), fetchOptions: {}, defaultVersion: 'v1.0' })

  return {
    ...microsoft,
    control,
    signIn,
    client: async (account: string, scope = ALL_MAIL): Promise<Client> => clientOf(await signIn(account, scope)),
    /** The app on its own in contoso's directory. */
    app: async (): Promise<Client> =>
      clientOf(await tokenOf('contoso.example', { grant_type: 'client_credentials', scope: `${GRAPH}/.default` })),
    async close() {
      globalThis.fetch = original
      await microsoft.close()
    },
  }
}

/** What a refused call says: the HTTP status and Graph's code. */
export async function refusalOf(call: Promise<unknown>): Promise<{ status: number; code: string; message: string }> {
  try {
    await call
  } catch (error) {
    const { statusCode, code, message } = error as { statusCode?: number; code?: string; message: string }
    if (statusCode === undefined || statusCode < 400) throw error
    return { status: statusCode, code: code ?? '', message }
  }
  throw new Error('the call was not refused')
}

/** A mail of these lines; header lines first, then an empty one. */
export const mailOf = (...lines: string[]): Buffer => Buffer.from(`${lines.join('\r\n')}\r\n`)
