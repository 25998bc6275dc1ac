// Google's own clients pointed at a running simulator, for the tests in this folder.
import { gmail, type gmail_v1 } from '@googleapis/gmail'
import { OAuth2Client } from 'google-auth-library'
import { type GoogleOptions, startGoogle } from './server.ts'

const CALLBACK = 'http://app.test/api/auth/google/callback'
export const ALL_MAIL = 'https://mail.google.com/'

export type Google = Awaited<ReturnType<typeof startForTests>>

/** A simulator, `control` of it (a body makes it a POST), and Gmail clients of accounts that have consented. */
export async function startForTests(options: GoogleOptions = {}) {
  const google = await startGoogle({ redirectUris: [CALLBACK], ...options })

  // biome-ignore lint/suspicious/noExplicitAny: answers of many shapes, looked at by tests
  async function control(route: string, body?: object): Promise<any> {
    const response = await fetch(`${google.url}/__control/${route}`, {
      method: body === undefined ? 'GET' : 'POST',
      body: body === undefined ? undefined : JSON.stringify(body),
    })
    const answer = await response.text()
    if (!response.ok) throw new Error(`${route}: ${answer}`)
    return JSON.parse(answer)
  }

  /** The account's consent, gone through with google-auth-library. */
  async function signIn(account: string, scopes: string[] = [ALL_MAIL]): Promise<OAuth2Client> {
    const { clientId, clientSecret } = google.world.project
    const client = new OAuth2Client({
      clientId,
      clientSecret,
      redirectUri: CALLBACK,
      endpoints: {
        oauth2AuthBaseUrl: `${google.url}/o/oauth2/v2/auth`,
        oauth2TokenUrl: `${google.url}/token`,
        tokenInfoUrl: `${google.url}/tokeninfo`,
        oauth2RevokeUrl: `${google.url}/revoke`,
      },
    })
    const url = client.generateAuthUrl({ access_type: 'offline', prompt: 'consent', scope: scopes })
    const { location } = await control('authorize', { url, account })
    const code = new URL(location).searchParams.get('code') ?? ''
    client.setCredentials((await client.getToken(code)).tokens)
    return client
  }

  async function mailbox(account: string, scopes?: string[]): Promise<gmail_v1.Resource$Users> {
    const auth = await signIn(account, scopes)
    return gmail({ version: 'v1', auth, rootUrl: `${google.url}/`, retry: false }).users
  }

  return { ...google, control, signIn, mailbox }
}

/** What a refused call says: the HTTP status and Google's reason. */
export async function refusalOf(call: Promise<unknown>): Promise<{ status: number; reason: string; message: string }> {
  try {
    await call
  } catch (error) {
    const { response } = error as {
      response?: { status: number; data: { error: { message: string; errors: { reason: string }[] } } }
    }
    if (!response) throw error
    const { message, errors } = response.data.error
    return { status: response.status, reason: errors[0]?.reason ?? '', message }
  }
  throw new Error('the call was not refused')
}

/** A mail of these lines; header lines first, then an empty one. */
export const mailOf = (...lines: string[]): Buffer => Buffer.from(`${lines.join('\r\n')}\r\n`)

export const base64url = (bytes: Buffer): string => bytes.toString('base64url')
