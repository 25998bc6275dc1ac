// Graph put together: mail, subscriptions, and their controls.
import type { Route } from '../shell/http.ts'
import type { Entra } from './entra.ts'
import type { Graph, GraphSettings } from './graph-access.ts'
import { graphControls } from './graph-control.ts'
import { deltaRoutes } from './graph-delta.ts'
import { folderRoutes } from './graph-folders.ts'
import { readingRoutes } from './graph-messages.ts'
import { createQuota } from './graph-quota.ts'
import { writingRoutes } from './graph-writing.ts'
import { notificationControls } from './notification-control.ts'
import { createNotifications } from './notifications.ts'
import { createStore } from './store.ts'
import { createSubscriptions } from './subscriptions.ts'
import { uploadRoutes } from './upload.ts'
import type { World } from './world.ts'

export function graphPart(world: World, entra: Entra): Route[] {
  const store = createStore(world)
  const graph: Graph = {
    world,
    entra,
    store,
    quota: createQuota(world),
    settings: world.section<GraphSettings>('graph', {
      headers: 'keep',
      sentDelay: 0,
      copies: 'mailbox',
      emptyPages: 0,
      duplicates: 0,
    }),
    closedToApps: world.section('closed-to-apps', {}),
    forgedLinks: [],
  }
  const notifications = createNotifications(world)
  const subscriptions = createSubscriptions(graph, notifications)
  world.reports.quota = graph.quota.report
  world.reports.quotaErrors = graph.quota.refusals
  world.reports.mostAtOnce = graph.quota.mostAtOnce
  world.reports.mailboxes = () =>
    store.all().map(({ email, messages, sent, seq }) => ({
      email,
      messages: Object.keys(messages).length,
      sent: sent.length,
      changes: seq,
    }))
  return [
    ...readingRoutes(graph),
    ...folderRoutes(graph),
    ...deltaRoutes(graph),
    ...writingRoutes(graph),
    ...uploadRoutes(graph),
    ...subscriptions.routes,
    ...graphControls(graph),
    ...notificationControls({ graph, subscriptions, notifications }),
  ]
}
