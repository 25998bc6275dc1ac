// From a Microsoft mailbox's settings to its provider. Touches no network until something is asked.
import type { Clock } from '../../platform/clock'
import type { MailProvider, TokenSource } from '../provider'
import { nextPage } from './changes'
import { checkGraph } from './check'
import { createClient, type GraphMailbox } from './client'
import { parseCursor, startOf } from './cursor'
import { fetchMessages } from './fetch'
import { GRAPH_LIMITS, GRAPH_QUOTA, type GraphLimits } from './limits'
import { marksOf } from './mark'
import { sendMessage } from './send'
import { subscriptionsOf } from './subscription'

export type GraphConfig = {
  /** Graph's root with its version, https://graph.microsoft.com/v1.0 */
  apiUrl: string
  mailbox: GraphMailbox
  /** ms since the epoch: the oldest mail a first listing wants; Infinity: only mail that arrives after it */
  since: number
  /** where Graph announces new mail, and what becomes of its subscriptions */
  notificationUrl: string
  lifecycleUrl: string
  push: boolean
  /** mail is to be marked: Diagnose then looks whether it may be */
  marks?: boolean
  /** hosts besides that of `apiUrl` that Microsoft may send us to */
  trustedHosts: readonly string[]
}
export type GraphDeps = {
  fetch: typeof fetch
  clock: Clock
  token: TokenSource
  /** told the requests that fetch no message */
  spent?: (units: number) => void
  /** those of these subscriptions that somebody of this deployment listens to: they are left alone */
  subscriptionsInUse?: (ids: string[]) => Promise<Set<string>>
  /** replaces single limits; tests shorten waits with it */
  limits?: Partial<GraphLimits>
}

/** The provider of a Microsoft 365 inbox, by Microsoft Graph alone. */
export function openGraph(config: GraphConfig, deps: GraphDeps): MailProvider {
  const limits = { ...GRAPH_LIMITS, ...deps.limits }
  const { clock, spent = () => {} } = deps
  const client = createClient({ fetch: deps.fetch, clock, token: deps.token, spent, limits }, config)
  const io = { client, clock, limits, subscriptionsInUse: deps.subscriptionsInUse }

  return {
    ...(config.push && { push: subscriptionsOf(io, config) }),
    marks: marksOf({ client, limits, mailbox: config.mailbox }),
    quota: GRAPH_QUOTA,
    changes: async (cursor, limit) =>
      nextPage(io, parseCursor(cursor) ?? startOf(config.since, clock(), limits.overlap), limit),
    fetchRaw: (refs, atOnce = limits.parallel) => fetchMessages(io, refs, atOnce),
    send: (mime) => sendMessage({ client, limits, mailbox: config.mailbox }, mime),
    check: () => checkGraph(io, config),
    async close() {
      client.close()
    },
  }
}
