// "Test connection" and "Diagnose" of a Gmail mailbox: step by step, reading only. Stops at the first step that fails.
import type { Clock } from '../../platform/clock'
import type { CheckReport, CheckStep } from '../provider'
import { ProviderError } from '../provider'
import { Message, MessageList, Profile, SendAsList } from './answers'
import type { GmailClient } from './client'
import { UNITS } from './limits'

export type CheckDeps = { client: GmailClient; clock: Clock }
type Finding = { detail: string; hint?: string; status?: 'warn' }

/** Never throws. `topic`: where push goes, null for none. */
export async function checkGmail({ client, clock }: CheckDeps, topic: string | null): Promise<CheckReport> {
  let address = ''
  const stages: [name: string, look: () => Promise<Finding>][] = [
    [
      'Access',
      async () => {
        await client.token()
        return { detail: 'Google has granted access and renews it.' }
      },
    ],
    [
      'Mailbox',
      async () => {
        const profile = await client.call(Profile, { path: 'profile', units: UNITS.profile })
        address = profile.emailAddress
        return { detail: `The mailbox is that of ${address}.` }
      },
    ],
    ['Reading', () => lookAtOne(client)],
    ['Sending', () => lookAtSenders(client, address)],
    ['Push', async () => ({ detail: topic ? `Google announces new mail through ${topic}.` : NO_TOPIC })],
  ]
  const steps: CheckStep[] = []
  for (const [name, look] of stages) {
    const started = clock()
    try {
      const { detail, hint, status = 'pass' } = await look()
      steps.push({ name, status, ms: clock() - started, detail, ...(hint !== undefined && { hint }) })
    } catch (thrown) {
      steps.push({ name, status: 'fail', ms: clock() - started, ...wordsOf(thrown) })
      break
    }
  }
  return { ok: steps.every((step) => step.status !== 'fail'), steps }
}

const NO_TOPIC = 'No Pub/Sub topic is set, so Postroom asks Google for new mail at intervals.'

function wordsOf(thrown: unknown): { detail: string; hint?: string } {
  if (!(thrown instanceof ProviderError)) return { detail: 'Something went wrong on our side.' }
  return { detail: thrown.message, ...(thrown.hint !== undefined && { hint: thrown.hint }) }
}

async function lookAtOne(client: GmailClient): Promise<Finding> {
  const { messages } = await client.call(MessageList, {
    path: 'messages',
    query: { maxResults: '1' },
    units: UNITS.list,
  })
  const [newest] = messages
  if (!newest) return { detail: 'The mailbox is empty and may be read.' }
  await client.call(Message, { path: `messages/${newest.id}`, query: { format: 'minimal' }, units: UNITS.get })
  return { detail: 'The newest message may be read.' }
}

async function lookAtSenders(client: GmailClient, address: string): Promise<Finding> {
  const { sendAs } = await client.call(SendAsList, { path: 'settings/sendAs', units: UNITS.sendAs })
  if (sendAs.some(({ sendAsEmail }) => sendAsEmail.toLowerCase() === address.toLowerCase()))
    return { detail: `Gmail sends as ${address}.` }
  return {
    status: 'warn',
    detail: `Gmail does not list ${address} among the addresses it sends as.`,
    hint: 'Look at "Send mail as" in the Gmail settings of the account.',
  }
}
