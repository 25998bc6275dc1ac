// What the pages for people show of Gmail's mailboxes.
import type { Route } from '../shell/http.ts'
import { uiRoutes } from '../shell/ui.ts'
import type { Store } from './store.ts'
import type { World } from './world.ts'

export function pages(world: World, store: Store): Route[] {
  return uiRoutes(world, {
    vendor: () => ({ name: 'Google', client: 'Gmail' }),
    messages: (email) =>
      Object.values(store.mailbox(email).messages).map(({ id, threadId, internalDate, labelIds }) => ({
        id,
        threadId,
        date: internalDate,
        labels: labelIds,
        sent: labelIds.includes('SENT') && !labelIds.includes('INBOX'),
      })),
    raw(email, id) {
      const message = store.mailbox(email).messages[id]
      return message ? store.rawOf(message) : Buffer.alloc(0)
    },
  })
}
