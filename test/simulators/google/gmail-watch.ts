// users.watch and users.stop: one watch per user, seven days, and Google's refusals when topic or grant are missing.
import type { Route, SimResponse } from '../shell/http.ts'
import { type Call, forbidden, type Gmail, gmailRoute, invalid, jsonBody, noContent, ok } from './gmail-access.ts'
import { googleError } from './google-error.ts'
import type { Push } from './push.ts'

const LIFE = 7 * 86_400_000

type WatchJson = {
  topicName: string
  labelIds: string[]
  labelFilterBehavior: string
  labelFilterAction: string
}

export function watchRoutes(gmail: Gmail, push: Push): Route[] {
  const { world } = gmail

  const watch = (call: Call): SimResponse => {
    const { mailbox } = call
    const { topicName = '', labelIds = [], ...filter } = jsonBody<WatchJson>(call.request)
    const { projectId, exists, granted } = push.topic()
    if (!new RegExp(`^projects/${projectId}/topics/[^/]+$`).test(topicName)) {
      return invalid(`Invalid topicName does not match projects/${projectId}/topics/*`)
    }
    const test = `Error sending test message to Cloud PubSub ${topicName}`
    if (!exists || topicName !== world.project.topic) {
      const message = `${test} : Resource not found (resource=${topicName.split('/').at(-1)}).`
      return googleError(404, message, { reason: 'notFound', status: 'NOT_FOUND' })
    }
    if (!granted) return forbidden(`${test} : User not authorized to perform this action.`)
    const standing = mailbox.watch && mailbox.watch.expiration > world.clock() ? mailbox.watch : null
    if (standing && standing.topic !== topicName) {
      const message = 'Only one user push notification client allowed per developer (call /stop then try again)'
      return googleError(400, message, { reason: 'failedPrecondition', status: 'FAILED_PRECONDITION' })
    }
    const exclude = (filter.labelFilterBehavior ?? filter.labelFilterAction ?? 'include').toLowerCase() === 'exclude'
    const expiration = world.clock() + LIFE
    mailbox.watch = { topic: topicName, labelIds, exclude, expiration }
    world.changed()
    push.publish(call.email, mailbox.historyId)
    return ok({ historyId: mailbox.historyId, expiration: String(expiration) })
  }

  const stop = ({ mailbox }: Call): SimResponse => {
    mailbox.watch = null
    world.changed()
    return noContent
  }

  return [gmailRoute(gmail, 'POST', 'watch', 'watch', watch), gmailRoute(gmail, 'POST', 'stop', 'stop', stop)]
}
