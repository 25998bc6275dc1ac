// From the settings of an inbox to its provider: IMAP receives, SMTP sends, either may be missing. Touches no network until something is asked.
import { listChanges } from './imap/changes'
import { checkImap } from './imap/check'
import { parseCursor } from './imap/cursor'
import { fetchMessages } from './imap/fetch'
import { createImapSession } from './imap/session'
import { CHECK_LIMITS, type CheckLimits, IMAP_LIMITS, type ImapLimits, SMTP_LIMITS, type SmtpLimits } from './limits'
import type { CheckReport, CheckStep, FetchedMessage, MailProvider, MessageRef } from './provider'
import { ProviderError } from './provider'
import type { NetworkDeps, Server } from './server'
import { checkSmtp } from './smtp/check'
import { sendMessage } from './smtp/send'

export type MailboxConfig = {
  imap?: Server
  /** an empty user name sends without a login */
  smtp?: Server
  /** ms since the epoch: the oldest mail a first listing wants; Infinity: only mail that arrives after it */
  since: number
}
/** `limits` replaces single limits; tests shorten waits with it. */
export type MailboxDeps = NetworkDeps & {
  limits?: { imap?: Partial<ImapLimits>; smtp?: Partial<SmtpLimits>; check?: Partial<CheckLimits> }
}

/** The provider of an IMAP/SMTP inbox. Without `imap` nothing ever arrives; without `smtp` sending is refused. */
export function openMailbox(config: MailboxConfig, deps: MailboxDeps): MailProvider {
  const imapLimits = { ...IMAP_LIMITS, ...deps.limits?.imap }
  const smtpLimits = { ...SMTP_LIMITS, ...deps.limits?.smtp }
  const checkLimits = { ...CHECK_LIMITS, ...deps.limits?.check }
  const { imap, smtp } = config
  const imapDeps = { connect: deps.connect, clock: deps.clock, limits: imapLimits }
  const session = imap ? createImapSession(imapDeps, imap) : null

  return {
    async changes(cursor, limit) {
      if (!session) return { refs: [], next: cursor, more: false }
      const parsed = parseCursor(cursor)
      return session.lend((loan) => listChanges(imapDeps, loan, { cursor: parsed, limit, since: config.since }))
    },
    fetchRaw(refs) {
      return session ? fetchMessages({ session, limits: imapLimits }, refs) : notReceiving(refs)
    },
    async send(mime) {
      if (!smtp) {
        throw new ProviderError('rejected', 'smtp_not_configured', 'This inbox has no settings for sending.', {
          hint: 'Enter the SMTP server in the settings of the inbox.',
        })
      }
      return sendMessage({ connect: deps.connect, limits: smtpLimits }, smtp, mime)
    },
    async check() {
      const probeDeps = { ...deps, limits: checkLimits }
      const [receiving, sending] = await Promise.all([
        imap ? checkImap(probeDeps, imapLimits, imap) : [],
        smtp ? checkSmtp(probeDeps, smtpLimits, smtp) : [],
      ])
      return report([...named('IMAP', receiving), ...named('SMTP', sending)])
    },
    async close() {
      await session?.close()
    },
  }
}

async function* notReceiving(refs: readonly MessageRef[]): AsyncGenerator<FetchedMessage> {
  const error = new ProviderError('not_found', 'imap_not_configured', 'This inbox has no settings for receiving.')
  for (const ref of refs) yield { ref, error }
}

function named(side: string, steps: CheckStep[]): CheckStep[] {
  return steps.map((step) => ({ ...step, name: `${side}: ${step.name}` }))
}

function report(steps: CheckStep[]): CheckReport {
  return { ok: steps.length > 0 && steps.every((step) => step.status !== 'fail'), steps }
}
