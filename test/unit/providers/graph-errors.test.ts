// What Graph's refusals mean: by its own code first, whatever the status; never more than harms nobody where it is not Graph that speaks.
import { describe, expect, it } from 'vitest'
import { isMailboxWide, judgeRefusal, requestIdOf } from '../../../worker/providers/graph/errors'

const refused = (status: number, code: string, extra: { message?: string; inner?: object; retryAfter?: number } = {}) =>
  judgeRefusal(
    {
      status,
      retryAfter: extra.retryAfter,
      body: { error: { code, message: extra.message ?? '', innerError: extra.inner ?? {} } },
      requestId: null,
    },
    'the-token',
  )

describe('a refusal', () => {
  it.each([
    [403, 'ErrorAccessDenied', 'protocol', 'graph_access_denied'],
    [403, 'AccessDenied', 'protocol', 'graph_access_denied'],
    [403, 'Authorization_RequestDenied', 'protocol', 'graph_consent_missing'],
    [403, 'ErrorSendAsDenied', 'rejected', 'graph_send_as_denied'],
    [403, 'MailboxNotEnabledForRESTAPI', 'protocol', 'graph_no_mailbox'],
    [404, 'ErrorInvalidUser', 'protocol', 'graph_no_mailbox'],
    [404, 'ErrorItemNotFound', 'not_found', 'graph_not_found'],
    [404, 'whatever', 'not_found', 'graph_not_found'],
    [404, 'syncStateNotFound', 'cursor_expired', 'graph_delta_expired'],
    [410, 'whatever', 'cursor_expired', 'graph_delta_expired'],
    [429, 'ApplicationThrottled', 'rate_limited', 'graph_rate_limited'],
    [429, 'anything', 'rate_limited', 'graph_rate_limited'],
    [503, 'serviceNotAvailable', 'transient', 'graph_busy'],
    [504, 'UnknownError', 'transient', 'graph_unavailable'],
    [401, 'InvalidAuthenticationToken', 'transient', 'graph_token_refused'],
    [409, 'Conflict', 'protocol', 'graph_conflict'],
    [413, 'RequestEntityTooLarge', 'too_large', 'graph_too_large'],
    [403, 'SomethingNew', 'transient', 'graph_forbidden'],
    [400, 'ErrorInvalidRequest', 'protocol', 'graph_refused'],
  ])('%i %s is %s, %s', (status, code, kind, expected) => {
    expect(refused(status, code)).toMatchObject({ kind, code: expected })
  })

  it('by the concurrency of the mailbox is throttling, also where only the inner error says so', () => {
    const error = refused(429, 'ApplicationThrottled', { inner: { code: 'MailboxConcurrency' }, retryAfter: 2_000 })
    expect(error).toMatchObject({ kind: 'rate_limited', retryAfter: 2_000 })
    expect(refused(400, 'Other', { inner: { code: 'MailboxConcurrency' } }).kind).toBe('rate_limited')
  })

  it('with 503 and a time to wait is waited for', () => {
    expect(refused(503, 'serviceNotAvailable', { retryAfter: 9_000 })).toMatchObject({
      kind: 'rate_limited',
      retryAfter: 9_000,
    })
  })

  it.each([403, 404, 400, 200])('%i that is not Graph’s JSON says nothing about the mail', (status) => {
    const error = judgeRefusal({ status, retryAfter: undefined, body: null, requestId: null }, '')
    expect(error).toMatchObject({ kind: 'protocol', code: 'http_not_json' })
  })

  it('never ends a grant', () => {
    for (const status of [400, 401, 403, 404, 410, 429, 500])
      for (const code of ['InvalidAuthenticationToken', 'invalid_grant', 'ErrorAccessDenied'])
        expect(refused(status, code).kind).not.toBe('auth_revoked')
  })

  it('repeats neither the token nor more than a line of what was said', () => {
    const { message } = refused(400, 'BadRequest', { message: `bad the-token\r\n<script>${'x'.repeat(500)}` })
    expect(message).not.toContain('the-token')
    expect(message).not.toMatch(/[\r\n]/)
    expect(message.length).toBeLessThan(300)
  })

  it('keeps Graph’s name of the request, and nothing else in its place', () => {
    const inner = { 'request-id': '0fa0b1c2-0000-4000-8000-000000000001' }
    expect(requestIdOf(refused(403, 'ErrorAccessDenied', { inner }))).toBe('0fa0b1c2-0000-4000-8000-000000000001')
    expect(requestIdOf(refused(403, 'ErrorAccessDenied', { inner: { 'request-id': '<b>x</b>' } }))).toBeNull()
    expect(requestIdOf(refused(403, 'ErrorAccessDenied'))).toBeNull()
  })

  it('of the mailbox is told from one of a message', () => {
    expect(
      ['ErrorAccessDenied', 'ErrorInvalidUser', 'ApplicationThrottled'].map((code) =>
        isMailboxWide(refused(403, code)),
      ),
    ).toEqual([true, true, true])
    expect([refused(404, 'ErrorItemNotFound'), refused(500, 'x'), refused(400, 'x')].map(isMailboxWide)).toEqual([
      false,
      false,
      false,
    ])
  })
})
