// What somebody who asks for help may paste into a message: the state of an inbox and what Diagnose found. No secret is in either. Pure.
import type { CheckReport, InboxAnswer } from '../../../worker/contract/inboxes'
import { accountOf } from './vendors'

/** Plain text. `now` in ms. */
export function supportBundle(inbox: InboxAnswer, report: CheckReport, now: number): string {
  const { delivery, statusDetail, markProcessed } = inbox
  const facts: [string, string | number | null | undefined][] = [
    ['time', new Date(now).toISOString()],
    ['inbox', `${inbox.id} (${inbox.connectionType})`],
    ['address', inbox.emailAddress],
    ['status', inbox.status],
    ['detail', statusDetail && `${statusDetail.code}: ${statusDetail.message}`],
    ['last error', inbox.lastError],
    ['connected at', inbox.connectedAt],
    ['last checked at', inbox.lastSyncAt],
    ['paused', inbox.pausedAt && `${inbox.pausedAt} (${inbox.pauseReason ?? 'by a person'})`],
    ['delivery', delivery.mode],
    ['last push at', delivery.lastPushAt],
    ['push until', delivery.expiresAt],
    ['push problem', delivery.problem],
    ...accountFacts(inbox),
    ['processed mail', markProcessed.action === 'none' ? null : markProcessed.action],
    ['marking problem', markProcessed.problem],
    ['waiting to be imported', inbox.unaccounted],
  ]
  const known = facts.filter(([, value]) => value !== null && value !== undefined)
  return [
    'Postroom support bundle',
    ...known.map(([name, value]) => `${name}: ${value}`),
    '',
    `diagnose: ${report.ok ? 'ok' : 'failed'}`,
    ...report.steps.map(({ status, name, ms, detail, hint }) =>
      [`[${status}] ${name} (${ms} ms): ${detail}`, ...(hint ? [`    ${hint}`] : [])].join('\n'),
    ),
    '',
  ].join('\n')
}

/** Named one by one, so that nothing that is ever added to a connection gets in by itself. */
function accountFacts(inbox: InboxAnswer): [string, string | null | undefined][] {
  const { imap, smtp, microsoft } = inbox.connection ?? {}
  const account = accountOf(inbox)
  return [
    ['imap', imap ? `${imap.host}:${imap.port} ${imap.security}` : null],
    ['smtp', smtp ? `${smtp.host}:${smtp.port} ${smtp.security}` : null],
    ['mailbox', account && `${account.address} (${account.kind}), account ${account.account ?? 'none'}`],
    ['scopes', account?.scopes.join(' ')],
    ['granted at', account && new Date(account.grantedAt).toISOString()],
    ['profile', microsoft ? (microsoft.profileId ?? "the deployment's own") : null],
    ['client id', microsoft?.clientId ?? null],
    ['directory', microsoft?.directory ?? null],
  ]
}
