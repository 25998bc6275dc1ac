// The Gmail API and its Pub/Sub pushes put together: the routes of both and of their controls.
import type { Route } from '../shell/http.ts'
import type { Gmail } from './gmail-access.ts'
import { batchRoutes } from './gmail-batch.ts'
import { gmailControls } from './gmail-control.ts'
import { messageRoutes } from './gmail-messages.ts'
import { createQuota } from './gmail-quota.ts'
import { draftRoutes, labelRoutes, threadRoutes } from './gmail-threads.ts'
import { sendingRoutes } from './gmail-upload.ts'
import { watchRoutes } from './gmail-watch.ts'
import type { Identity } from './identity.ts'
import { createPush } from './push.ts'
import { pushControls } from './push-forge.ts'
import { createStore } from './store.ts'
import type { World } from './world.ts'

export function gmailPart(world: World, identity: Identity): Route[] {
  const store = createStore(world)
  const push = createPush(world, identity, store)
  const gmail: Gmail = { world, identity, store, quota: createQuota(world) }
  world.reports.quota = gmail.quota.report
  world.reports.quotaErrors = () => gmail.quota.report().refused
  world.reports.mailboxes = () =>
    store.all().map(({ email, historyId, messages, watch, sent }) => ({
      email,
      historyId,
      messages: Object.keys(messages).length,
      sent: sent.length,
      watch,
    }))
  return [
    ...messageRoutes(gmail),
    ...sendingRoutes(gmail),
    ...threadRoutes(gmail),
    ...draftRoutes(gmail),
    ...labelRoutes(gmail),
    ...watchRoutes(gmail, push),
    ...batchRoutes,
    ...gmailControls(gmail),
    ...pushControls({ world, identity, store, push }),
  ]
}
