// The standing order for push: users.watch publishes to a Pub/Sub topic for at most seven days. No label filter: filters of people move mail out of INBOX.
import type { Lease, PushCapable } from '../provider'
import { ProviderError } from '../provider'
import { Watch } from './answers'
import type { GmailClient } from './client'
import { UNITS } from './limits'

/** Push for a mailbox through `topic` (`projects/…/topics/…`). */
export function watchOf(client: GmailClient, topic: string): PushCapable {
  const stop = () => client.command({ path: 'stop', method: 'POST', units: UNITS.stop })
  const watch = async (): Promise<Lease> => {
    try {
      const call = { path: 'watch', method: 'POST', json: { topicName: topic }, units: UNITS.watch } as const
      const { expiration } = await client.call(Watch, call)
      return { expiresAt: expiration }
    } catch (error) {
      throw error instanceof ProviderError ? watchRefused(error, topic) : error
    }
  }
  return {
    // A watch that another set-up left behind would go on publishing elsewhere.
    async subscribe() {
      await stop()
      return watch()
    },
    renew: watch,
    unsubscribe: stop,
  }
}

/** Google's refusals of the topic itself, in words that say what to do in which project. */
export function watchRefused(error: ProviderError, topic: string): ProviderError {
  const { message } = error
  if (error.code === 'gmail_forbidden')
    return new ProviderError('protocol', 'google_topic_forbidden', `Gmail may not publish to ${topic}.`, {
      cause: error,
      hint: 'Grant gmail-api-push@system.gserviceaccount.com the role Pub/Sub Publisher on that topic.',
    })
  if (error.kind === 'not_found')
    return new ProviderError('protocol', 'google_topic_missing', `The Pub/Sub topic ${topic} does not exist.`, {
      cause: error,
      hint: 'Create the topic and grant gmail-api-push@system.gserviceaccount.com the role Pub/Sub Publisher on it.',
    })
  if (error.code === 'gmail_refused')
    return new ProviderError('protocol', 'google_topic_refused', message.replace('a request', `the topic ${topic}`), {
      cause: error,
      hint: 'The topic must be in the Google Cloud project that GOOGLE_CLIENT_ID belongs to, and gmail-api-push@system.gserviceaccount.com needs the role Pub/Sub Publisher on it.',
    })
  return error
}
