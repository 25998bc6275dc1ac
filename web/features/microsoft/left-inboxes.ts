// Which inboxes ask to be connected again once another app serves email. Pure.
import type { InboxAnswer } from '../../../worker/contract/inboxes'
import { accessEnded } from '../inboxes/account-access'

/** An app that serves email: a profile and its client, or the server's own, whose client id is not shown. */
export type ServingApp = { profileId: string; clientId: string } | { profileId: null }
type Inbox = Pick<InboxAnswer, 'name' | 'connection' | 'connectionType' | 'status' | 'pauseReason'>

/** The names of the inboxes that `before` serves and `after` does not; null: nothing serves. Those that ask already are not named. */
export function leftInboxes(inboxes: readonly Inbox[], before: ServingApp | null, after: ServingApp | null): string[] {
  return inboxes
    .filter((inbox) => !accessEnded(inbox) && isServed(inbox, before) && !isServed(inbox, after))
    .map(({ name }) => name)
}

function isServed({ connection }: Inbox, app: ServingApp | null): boolean {
  const grant = connection?.microsoft
  if (!grant || grant.profileId !== app?.profileId) return false
  return app.profileId === null || grant.clientId === app.clientId
}

/** Names shown; more are counted. */
const SHOWN = 5

/** What follows for them, in a sentence. */
export function reconnectWords(names: readonly string[]): string {
  const more = names.length - SHOWN
  const list = new Intl.ListFormat('en-GB').format([...names.slice(0, SHOWN), ...(more > 0 ? [`${more} more`] : [])])
  return `The ${names.length === 1 ? 'inbox' : 'inboxes'} ${list} will ask to be connected again.`
}
