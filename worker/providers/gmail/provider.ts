// From a Gmail mailbox's settings to its provider. Touches no network until something is asked.
import type { Clock } from '../../platform/clock'
import type { MailProvider, TokenSource } from '../provider'
import { Profile } from './answers'
import { checkGmail } from './check'
import { createClient } from './client'
import { historyFrom, listSince, parseCursor } from './cursor'
import { fetchMessages } from './fetch'
import { historyPage } from './history'
import { GMAIL_LIMITS, type GmailLimits, UNITS } from './limits'
import { listPage } from './list'
import { sendMessage } from './send'
import { watchOf } from './watch'

export type GmailConfig = {
  apiUrl: string
  /** ms since the epoch: the oldest mail a first listing wants; Infinity: only mail that arrives after it */
  since: number
  /** the Pub/Sub topic Gmail publishes to; null: no push */
  topic: string | null
  /** hosts besides that of `apiUrl` that Google may send us to */
  trustedHosts: readonly string[]
  /** quota of one mailbox */
  unitsPerMinute: number
}
export type GmailDeps = {
  fetch: typeof fetch
  clock: Clock
  token: TokenSource
  /** told the quota units of every call that is not a fetched message */
  spent?: (units: number) => void
  /** replaces single limits; tests shorten waits with it */
  limits?: Partial<GmailLimits>
}

/** The provider of a Gmail inbox, by the Gmail API alone. */
export function openGmail(config: GmailConfig, deps: GmailDeps): MailProvider {
  const limits = { ...GMAIL_LIMITS, ...deps.limits }
  const { clock, spent = () => {} } = deps
  const client = createClient({ fetch: deps.fetch, clock, token: deps.token, spent, limits }, config)
  const changesDeps = { client, clock, limits }

  return {
    ...(config.topic !== null && { push: watchOf(client, config.topic) }),
    quota: { units: config.unitsPerMinute, window: 60_000, perMessage: UNITS.get },
    async changes(cursor, limit) {
      const parsed = parseCursor(cursor)
      if (parsed?.mode === 'history') return historyPage(changesDeps, parsed, limit)
      if (parsed !== null) return listPage(changesDeps, parsed, limit)
      if (Number.isFinite(config.since)) return listPage(changesDeps, listSince(config.since), limit)
      const profile = await client.call(Profile, { path: 'profile', units: UNITS.profile })
      return {
        refs: [],
        next: historyFrom(profile.historyId, null),
        more: false,
        ...(profile.messagesTotal !== undefined && { status: { messages: profile.messagesTotal } }),
      }
    },
    fetchRaw: (refs) => fetchMessages(changesDeps, refs),
    send: (mime) => sendMessage({ client, limits }, mime),
    check: () => checkGmail({ client, clock }, config.topic),
    async close() {
      client.close()
    },
  }
}
