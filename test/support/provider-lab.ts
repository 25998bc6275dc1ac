// What the tests of `imap` share: addresses of the running servers, a way to deliver mail, and a mailbox with short waits.
import { connect } from 'cloudflare:sockets'
import { inject } from 'vitest'
import { type MailboxDeps, openMailbox } from '../../worker/providers/mailbox'
import type { FetchedMessage, MailProvider, MessageRef } from '../../worker/providers/provider'
import { ProviderError } from '../../worker/providers/provider'
import type { Security, Server } from '../../worker/providers/server'

const servers = inject('servers')

/** A password that must not be seen anywhere but in a login. */
export const SECRET = 'hunter2-correct-horse'

/** Waits short enough to test, long enough for a busy machine. */
export const SHORT: NonNullable<MailboxDeps['limits']> = {
  imap: {
    connect: 3_000,
    greeting: 700,
    login: 3_000,
    command: 1_500,
    idle: 1_000,
    bytesPerMs: 100_000,
    loan: 3_000,
  },
  smtp: { connect: 3_000, greeting: 700, login: 2_500, idle: 1_000, send: 3_000, bytesPerMs: 100_000 },
  check: { resolve: 500, connect: 3_000, greeting: 700, line: 1_000 },
}

/** A mailbox with the real limits; hostile tests pass SHORT. */
export function mailbox(
  config: { imap?: Server; smtp?: Server; since?: number },
  deps: Partial<MailboxDeps> = {},
): MailProvider {
  return openMailbox({ since: 0, ...config }, { connect, clock: Date.now, ...deps })
}

export function dovecotServer(user: string, security: Security = 'tls'): Server {
  const { host, imapPort, imapsPort, password } = servers.dovecot
  return { host, port: security === 'tls' ? imapsPort : imapPort, security, username: user, password }
}

/** A hostile server by name. */
export function hostile(side: 'imap' | 'smtp', name: string, server: Partial<Server> = {}): Server {
  const port = servers[side][name]
  if (port === undefined) throw new Error(`no ${side} server named ${name}`)
  return { host: 'localhost', port, security: 'none', username: 'someone', password: SECRET, ...server }
}

async function control(path: string, body?: Uint8Array | string): Promise<unknown> {
  const response = await fetch(`${servers.control}${path}`, body === undefined ? {} : { method: 'POST', body })
  return response.json()
}
export const deliver = (user: string, raw: Uint8Array | string) => control(`/deliver?user=${user}`, raw)
export const resetUidValidity = (user: string) => control(`/reset-uidvalidity?user=${user}`)
export const removeMessage = (user: string, index: number) => control(`/remove?user=${user}&index=${index}`)
export const flagsOf = async (user: string) => (await control(`/flags?user=${user}`)) as string[]
export const heardBy = async (side: 'imap' | 'smtp', name: string) =>
  (await control(`/heard?server=${side}/${name}`)) as { clear: string; encrypted: string }

let users = 0
/** A mailbox of its own. */
export const newUser = () => `user${++users}-${crypto.randomUUID().slice(0, 8)}`

export async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

export type Fetched =
  | { identity: string; bytes: Uint8Array; start: number; receivedAt: number | null }
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
    return { identity, bytes: await bytesOf(message.raw), start: message.start, receivedAt: message.receivedAt }
  } catch (error) {
    if (error instanceof ProviderError) return { identity, error }
    throw error
  }
}

/** The ProviderError that `work` ends with, and how long it took in ms. */
export async function failing(work: () => Promise<unknown>): Promise<{ error: ProviderError; ms: number }> {
  const started = Date.now()
  try {
    await work()
  } catch (error) {
    if (error instanceof ProviderError) return { error, ms: Date.now() - started }
    throw error
  }
  throw new Error('did not fail')
}
