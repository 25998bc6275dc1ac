// What the tests of `google` share: accounts of the simulator with a token, its controls, and a provider for an account.
import { expect, inject } from 'vitest'
import { type GmailDeps, openGmail } from '../../worker/providers/gmail/provider'
import { type FetchedMessage, type MailProvider, type MessageRef, ProviderError } from '../../worker/providers/provider'

export const google = inject('google')
const SCOPES = ['https://www.googleapis.com/auth/gmail.readonly', 'https://www.googleapis.com/auth/gmail.send']

/** POST to a control endpoint; its JSON. */
export async function control<T = unknown>(path: string, body: unknown = {}): Promise<T> {
  const response = await fetch(`${google.url}/__control/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`control ${path}: ${response.status} ${await response.text()}`)
  return (await response.json().catch(() => null)) as T
}
async function ask<T>(path: string): Promise<T> {
  const response = await fetch(`${google.url}/__control/${path}`)
  if (!response.ok) throw new Error(`control ${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as T
}

export type Listed = { id: string; threadId: string; labelIds: string[] }
export type Account = { email: string; tokens: { access: string; refresh: string } }

let accounts = 0
/** An account of its own that has granted Postroom what it asks for. */
export async function newAccount(scopes: readonly string[] = SCOPES): Promise<Account> {
  const email = `user${++accounts}-${crypto.randomUUID().slice(0, 8)}@gmail.test`
  await control('accounts', { email, name: 'Somebody' })
  return { email, tokens: await grant(email, scopes) }
}

/** A consent without a browser, and the tokens for it. */
export async function grant(account: string, scopes: readonly string[] = SCOPES): Promise<Account['tokens']> {
  const verifier = crypto.randomUUID() + crypto.randomUUID()
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))
  const url = new URL(`${google.url}/o/oauth2/v2/auth`)
  url.search = new URLSearchParams({
    client_id: google.clientId,
    redirect_uri: google.redirectUri,
    response_type: 'code',
    scope: scopes.join(' '),
    state: 'state',
    access_type: 'offline',
    prompt: 'consent',
    code_challenge: Buffer.from(digest).toString('base64url'),
    code_challenge_method: 'S256',
  }).toString()
  const { location } = await control<{ location: string }>('authorize', { url: url.href, account })
  const answer = await tokenRequest({
    grant_type: 'authorization_code',
    code: new URL(location).searchParams.get('code') ?? '',
    redirect_uri: google.redirectUri,
    code_verifier: verifier,
  })
  return { access: answer.access_token, refresh: answer.refresh_token ?? '' }
}

/** A new access token for a refresh token. */
export async function refreshed(refresh: string): Promise<string> {
  return (await tokenRequest({ grant_type: 'refresh_token', refresh_token: refresh })).access_token
}

async function tokenRequest(fields: Record<string, string>) {
  const response = await fetch(`${google.url}/token`, {
    method: 'POST',
    body: new URLSearchParams({ client_id: google.clientId, client_secret: google.clientSecret, ...fields }),
  })
  if (!response.ok) throw new Error(`token: ${response.status} ${await response.text()}`)
  return (await response.json()) as { access_token: string; refresh_token?: string }
}

/** Mail arrives; its id. */
export async function deliver(
  account: Account,
  raw: Uint8Array | string,
  options: { labels?: string[]; internalDate?: number } = {},
): Promise<string> {
  const base64 = Buffer.from(raw).toString('base64')
  const { id } = await control<{ id: string }>('deliver', { to: account.email, raw: base64, ...options })
  return id
}
export const remove = (account: Account, id: string) => control('remove', { account: account.email, id })
export async function messagesOf(account: Account): Promise<Listed[]> {
  const answer = await ask<Listed[] | { messages: Listed[] }>(`messages?account=${encodeURIComponent(account.email)}`)
  return Array.isArray(answer) ? answer : answer.messages
}
export const requests = async () => (await ask<{ requests: Record<string, number> }>('state')).requests

/** Every request so far was one that Google documents. */
export async function expectNoViolations(): Promise<void> {
  const answer = await ask<string[] | { violations: string[] }>('violations')
  expect(Array.isArray(answer) ? answer : answer.violations).toEqual([])
}

type Options = { since?: number; topic?: string | null; trustedHosts?: string[] } & Partial<GmailDeps>
/** A provider for the account with the real limits. */
export function mailbox(account: Account, options: Options = {}): MailProvider {
  const { since = 0, topic = null, trustedHosts = [], ...deps } = options
  return openGmail(
    { apiUrl: google.url, since, topic, trustedHosts, unitsPerMinute: 6_000 },
    {
      fetch: (...args) => fetch(...args),
      clock: Date.now,
      token: async (refused) => (refused ? refreshed(account.tokens.refresh) : account.tokens.access),
      ...deps,
    },
  )
}

export async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

/** Refs of everything, over all pages. */
export async function listAll(provider: MailProvider): Promise<{ refs: MessageRef[]; cursor: unknown }> {
  const refs: MessageRef[] = []
  let cursor: unknown = null
  for (;;) {
    const page = await provider.changes(cursor, 500)
    refs.push(...page.refs)
    cursor = JSON.parse(JSON.stringify(page.next))
    if (!page.more) return { refs, cursor }
  }
}

export type Fetched =
  | { identity: string; bytes: Uint8Array; role?: string }
  | { identity: string; error: ProviderError }

/** Fetches refs to the end; an error of a stream becomes the error of its message. */
export async function fetchAll(provider: MailProvider, refs: MessageRef[]): Promise<Fetched[]> {
  const results: Fetched[] = []
  for await (const message of provider.fetchRaw(refs)) results.push(await read(message))
  return results
}
async function read(message: FetchedMessage): Promise<Fetched> {
  const { identity } = message.ref
  if ('error' in message) return { identity, error: message.error }
  try {
    return { identity, bytes: await bytesOf(message.raw), role: message.role }
  } catch (error) {
    if (error instanceof ProviderError) return { identity, error }
    throw error
  }
}

/** The ProviderError that `work` ends with. */
export async function failing(work: Promise<unknown>): Promise<ProviderError> {
  const error = await work.then(
    () => new Error('did not fail'),
    (thrown: unknown) => thrown,
  )
  if (error instanceof ProviderError) return error
  throw error
}
