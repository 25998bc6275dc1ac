import { env } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import type { OutgoingMime } from '../../../worker/contract/pipeline'
import { settingsOf } from '../../../worker/env'
import { tenantDb } from '../../../worker/platform/db'
import { ProviderError, type ProviderErrorKind, type SentRef } from '../../../worker/providers/provider'
import { noTokens } from '../../../worker/sync/mailbox'
import { mimeSender } from '../../../worker/sync/send-mime'
import { fakeMailbox } from '../../support/fake-provider'
import { givenInbox } from './rows'

const mime: OutgoingMime = {
  envelope: { from: 'help@example.com', to: ['a@example.org'] },
  messageId: 'm@example.com',
  size: 1,
  thread: null,
  open: async () => new ReadableStream(),
}

async function send(result: SentRef | Error, columns: Parameters<typeof givenInbox>[0] = {}) {
  const inbox = await givenInbox(columns)
  const asked: unknown[] = []
  const sendMime = mimeSender({
    db: (tenantId) => tenantDb(env.DB, tenantId),
    keyring: settingsOf(env).keyring,
    tokens: () => noTokens,
    charge: async () => {},
    makeProvider: (connection) => {
      asked.push(connection)
      return {
        ...fakeMailbox().provider(),
        send: async () => {
          if (result instanceof Error) throw result
          return result
        },
      }
    },
  })
  return { outcome: await sendMime(inbox.tenantId, inbox.inboxId, mime), asked }
}

describe('sending through an inbox', () => {
  it("uses its SMTP settings only, and answers with the server's words", async () => {
    const rejected = [{ address: 'b@example.org', response: '550 no' }]
    const sent = { copy: null, response: '250 ok', accepted: ['a@example.org'], rejected }
    const { outcome, asked } = await send(sent)
    expect(outcome).toEqual({ result: 'sent', response: '250 ok', rejected })
    expect(asked).toEqual([{ smtp: expect.objectContaining({ password: 'stored-secret' }) }])
  })

  it.each<[ProviderErrorKind, string]>([
    ['transient', 'transient'],
    ['rate_limited', 'transient'],
    ['auth_revoked', 'failed'],
    ['rejected', 'failed'],
    ['too_large', 'failed'],
    ['protocol', 'failed'],
  ])('after %s is %s', async (kind, result) => {
    const error = new ProviderError(kind, 'c', 'The server said no.', { hint: 'Do this.' })
    expect((await send(error)).outcome).toMatchObject({ result, message: 'The server said no.', hint: 'Do this.' })
  })

  it('that may have gone out is never called a failure that can be repeated', async () => {
    const error = new ProviderError('transient', 'c', 'The connection ended.', { delivered: 'unknown' })
    expect((await send(error)).outcome.result).toBe('unknown')
  })

  it('without settings for it fails with what to do', async () => {
    const { outcome, asked } = await send(new Error('unused'), { connected: false })
    expect(outcome).toMatchObject({ result: 'failed', hint: expect.stringContaining('SMTP') })
    expect(asked).toEqual([])
  })

  it('goes on while checking for mail is paused', async () => {
    const sent = { copy: null, response: '250 ok', accepted: [], rejected: [] }
    expect((await send(sent, { paused: true })).outcome.result).toBe('sent')
  })
})
