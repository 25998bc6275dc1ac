import { env } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import type { OutgoingMime } from '../../../worker/contract/pipeline'
import { settingsOf } from '../../../worker/env'
import { createKeyring } from '../../../worker/platform/crypto'
import { tenantDb } from '../../../worker/platform/db'
import { GRAPH_QUOTA } from '../../../worker/providers/graph/limits'
import { ProviderError, type ProviderErrorKind, type SentRef } from '../../../worker/providers/provider'
import { noTokens } from '../../../worker/sync/mailbox'
import type { RequestGate } from '../../../worker/sync/request-gate'
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

/** Lets everybody in, and notes it. */
function gateOf(log: string[], inboxId = ''): RequestGate {
  return {
    acquireRequests: async (_id, { most }) => {
      log.push(`${inboxId} acquires ${most}`)
      return most
    },
    releaseRequests: async () => void log.push(`${inboxId} releases`),
  }
}

async function send(
  result: SentRef | Error,
  columns: Parameters<typeof givenInbox>[0] = {},
  given: { mime?: OutgoingMime; charge?: (inboxId: string, units: number) => Promise<void> } = {},
) {
  const inbox = await givenInbox(columns)
  const asked: unknown[] = []
  const sent: OutgoingMime[] = []
  const charged: [string, number][] = []
  const gate: string[] = []
  const sendMime = mimeSender({
    db: (tenantId) => tenantDb(env.DB, tenantId),
    keyring: settingsOf(env).keyring,
    tokens: (inboxId) => async () => `token of ${inboxId}`,
    gate: (inboxId) => gateOf(gate, inboxId),
    charge: given.charge ?? (async (inboxId, units) => void charged.push([inboxId, units])),
    makeProvider: (connection, { token, spent }) => {
      asked.push(connection)
      return {
        ...fakeMailbox().provider(),
        ...(connection.microsoft && { quota: GRAPH_QUOTA }),
        send: async (message) => {
          gate.push('sending')
          if (connection.google || connection.microsoft) expect(await token()).toBe(`token of ${inbox.inboxId}`)
          sent.push(message)
          spent?.(100)
          spent?.(20)
          if (result instanceof Error) throw result
          return result
        },
      }
    },
  })
  return {
    inbox,
    outcome: await sendMime(inbox.tenantId, inbox.inboxId, given.mime ?? mime),
    asked,
    sent,
    charged,
    gate,
  }
}

describe('sending through an inbox', () => {
  it("uses its SMTP settings only, and answers with the server's words", async () => {
    const rejected = [{ address: 'b@example.org', response: '550 no' }]
    const sent = { copy: null, response: '250 ok', accepted: ['a@example.org'], rejected }
    const { outcome, asked } = await send(sent)
    expect(outcome).toEqual({ result: 'sent', response: '250 ok', rejected, copy: null })
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

describe('sending through a Google account', () => {
  const copy = { identity: 'gmail:1', thread: 't1', messageId: 'rewritten@mail.gmail.com' }
  const sent: SentRef = { copy, response: 'Gmail accepted the message.', accepted: ['a@example.org'], rejected: [] }
  const google = { type: 'google' as const, account: 'help@example.com' }

  it('uses the account alone, goes into the conversation, and answers what Gmail made of the message', async () => {
    const given = { mime: { ...mime, thread: 't1' } }
    const { outcome, asked, sent: messages } = await send(sent, google, given)
    expect(asked).toEqual([{ google: expect.objectContaining({ address: 'help@example.com' }) }])
    expect(messages[0]?.thread).toBe('t1')
    expect(outcome).toEqual({ result: 'sent', response: 'Gmail accepted the message.', rejected: [], copy })
  })

  it('tells the inbox what it has cost, also when it failed', async () => {
    const fine = await send(sent, google)
    expect(fine.charged).toEqual([[fine.inbox.inboxId, 120]])
    const failed = await send(new ProviderError('rate_limited', 'slow', 'Slow down.', { retryAfter: 5_000 }), google)
    expect(failed.charged).toEqual([[failed.inbox.inboxId, 120]])
    expect(failed.outcome).toMatchObject({ result: 'transient', retryAfter: 5_000 })
  })

  it('is sent even where the inbox cannot be told', async () => {
    const charge = () => Promise.reject(new Error('object is down'))
    expect((await send(sent, google, { charge })).outcome.result).toBe('sent')
  })

  it('that is not connected fails with what to do', async () => {
    const { outcome, asked } = await send(sent, { ...google, connected: false })
    expect(outcome).toMatchObject({ result: 'failed', hint: expect.stringContaining('Google') })
    expect(asked).toEqual([])
  })

  it('whose grant is gone fails with its words and no repetition', async () => {
    const gone = new ProviderError('auth_revoked', 'oauth_refresh_failed', 'The access has ended.', {
      hint: 'Reconnect.',
    })
    expect((await send(gone, google)).outcome).toEqual({
      result: 'failed',
      message: 'The access has ended.',
      hint: 'Reconnect.',
    })
  })

  it.each([
    ['imap', undefined],
    ['google', 'help@example.com'],
  ] as const)('whose secrets no key opens any more (%s) fails with what to do', async (type, account) => {
    const inbox = await givenInbox({ type, ...(account ? { account } : {}) })
    const sendMime = mimeSender({
      db: (tenantId) => tenantDb(env.DB, tenantId),
      keyring: createKeyring(`k9:${btoa('x'.repeat(32))}`),
      tokens: () => noTokens,
      charge: async () => {},
      gate: () => gateOf([]),
      makeProvider: () => fakeMailbox().provider(),
    })
    expect(await sendMime(inbox.tenantId, inbox.inboxId, mime)).toMatchObject({
      result: 'failed',
      hint: expect.stringContaining('Connect the inbox again'),
    })
  })
})

describe('sending through a Microsoft account', () => {
  const microsoft = { type: 'microsoft' as const, account: 'help@example.com' }

  it('uses the account alone, and answers where the copy lies', async () => {
    const copy = { identity: 'graph:AAkALg', thread: 'c1', messageId: 'm@example.com' }
    const sent = { copy, response: 'Microsoft accepted the message.', accepted: ['a@example.org'], rejected: [] }
    const { inbox, outcome, asked, charged } = await send(sent, microsoft, { mime: { ...mime, thread: 'c1' } })
    expect(asked).toEqual([{ microsoft: expect.objectContaining({ address: 'help@example.com', kind: 'own' }) }])
    expect(outcome).toMatchObject({ result: 'sent', copy })
    expect(charged).toEqual([[inbox.inboxId, 120]])
  })

  it('waits for its turn among the requests to the mailbox, and gives it back however it ends', async () => {
    const sent = { copy: null, response: 'Accepted.', accepted: [], rejected: [] }
    for (const result of [sent, new ProviderError('rejected', 'c', 'No.')]) {
      const { inbox, gate } = await send(result, microsoft)
      expect(gate).toEqual([`${inbox.inboxId} acquires 1`, 'sending', `${inbox.inboxId} releases`])
    }
    expect((await send(sent, { type: 'google', account: 'help@example.com' })).gate).toEqual(['sending'])
  })

  it('that is not connected fails with what to do', async () => {
    const { outcome, asked } = await send(new Error('unused'), { ...microsoft, connected: false })
    expect(outcome).toMatchObject({ result: 'failed', hint: expect.stringContaining('Microsoft') })
    expect(asked).toEqual([])
  })
})
