// What both sides of a connection are made of: a server with its password, the injected ways to the network, and time limits on promises.
import type { Clock } from '../platform/clock'
import { ProviderError } from './provider'

export type Security = 'tls' | 'starttls' | 'none'
export type Server = { host: string; port: number; security: Security; username: string; password: string }

/** `connect` of 'cloudflare:sockets'. */
export type Connect = (address: SocketAddress, options?: SocketOptions) => Socket

/** Addresses of a host name; empty: the name does not exist; null: nobody could be asked. Never throws. */
export type Resolve = (host: string) => Promise<string[] | null>

export type NetworkDeps = {
  connect: Connect
  clock: Clock
  /** Tells an unknown name from a closed port when a connection fails. Without it the two are reported as one. */
  resolve?: Resolve
}

/** Waits at most `ms` for `work`. On expiry `expired` runs (it ends what is waited for) and its error is thrown. */
export async function within<T>(ms: number, work: Promise<T>, expired: () => Error): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(expired()), ms)
  })
  // The loser of the race may still fail later; nobody would look at it.
  work.catch(() => {})
  try {
    return await Promise.race([work, timeout])
  } finally {
    clearTimeout(timer)
  }
}

/** A server's text for people: one line, cut, and without the credentials in case the server repeats them. */
export function spoken(text: string, server: Pick<Server, 'username' | 'password'>): string {
  const secrets = [server.password, btoaUtf8(server.password), btoaUtf8(`\0${server.username}\0${server.password}`)]
  let clean = text
  for (const secret of secrets) if (secret.length >= 3) clean = clean.replaceAll(secret, '[hidden]')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
  clean = clean.replace(/[\u0000-\u001f\u007f]+/g, ' ').trim()
  return clean.length > 300 ? `${clean.slice(0, 300)}…` : clean
}

function btoaUtf8(text: string): string {
  return text === '' ? '' : Buffer.from(text, 'utf8').toString('base64')
}

/** The error of a step that took too long. */
export function timedOut(code: string, what: string, ms: number): ProviderError {
  return new ProviderError('transient', code, `${what} took longer than ${Math.round(ms / 1000)} seconds.`)
}
