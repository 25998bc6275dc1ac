// What each refusal of Google's means. Nothing here ends a grant.
import { describe, expect, it } from 'vitest'
import { judgeRefusal } from '../../../worker/providers/gmail/errors'
import { watchRefused } from '../../../worker/providers/gmail/watch'

const NOW = Date.parse('2026-11-20T12:00:00Z')
const TOKEN = 'ya29.secret-token'

/** Google's older error body. */
const legacy = (reason: string, message = '') => ({ error: { message, errors: [{ domain: 'global', reason }] } })
/** Google's newer one. */
const detailed = (reason: string, status = 'PERMISSION_DENIED') => ({
  error: { message: '', status, details: [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason }] },
})
const judge = (status: number, body: unknown, retryAfter?: number) =>
  judgeRefusal({ status, retryAfter, body }, NOW, TOKEN)

describe('a refusal', () => {
  it.each([
    [403, legacy('rateLimitExceeded'), 'rate_limited', 'gmail_rate_limited'],
    [403, legacy('userRateLimitExceeded'), 'rate_limited', 'gmail_rate_limited'],
    [403, legacy('quotaExceeded'), 'rate_limited', 'gmail_rate_limited'],
    [403, legacy('dailyLimitExceeded'), 'rate_limited', 'gmail_daily_limit'],
    [403, detailed('RATE_LIMIT_EXCEEDED'), 'rate_limited', 'gmail_rate_limited'],
    [429, legacy(''), 'rate_limited', 'gmail_rate_limited'],
    [429, detailed('', 'RESOURCE_EXHAUSTED'), 'rate_limited', 'gmail_rate_limited'],
    [429, null, 'rate_limited', 'gmail_rate_limited'],
    [403, legacy('insufficientPermissions'), 'protocol', 'google_scope_missing'],
    [403, detailed('ACCESS_TOKEN_SCOPE_INSUFFICIENT'), 'protocol', 'google_scope_missing'],
    [403, legacy('accessNotConfigured'), 'protocol', 'google_api_disabled'],
    [403, detailed('SERVICE_DISABLED'), 'protocol', 'google_api_disabled'],
    [403, legacy('domainPolicy'), 'protocol', 'google_domain_policy'],
    [400, legacy('failedPrecondition', 'Mail service not enabled'), 'protocol', 'gmail_not_enabled'],
    [401, legacy('authError'), 'transient', 'google_token_refused'],
    [401, null, 'transient', 'google_token_refused'],
    [403, legacy('forbidden'), 'transient', 'gmail_forbidden'],
    [404, legacy('notFound'), 'not_found', 'gmail_not_found'],
    [413, legacy(''), 'too_large', 'gmail_too_large'],
    [400, legacy('invalidArgument'), 'protocol', 'gmail_refused'],
    [500, legacy('backendError'), 'transient', 'gmail_unavailable'],
    [502, null, 'transient', 'gmail_unavailable'],
    [503, null, 'transient', 'gmail_busy'],
  ])('%i %j is %s %s', (status, body, kind, code) => {
    expect(judge(status, body)).toMatchObject({ kind, code })
  })

  it('is never the end of a grant, whatever the status and the words', () => {
    for (let status = 300; status < 600; status++)
      for (const body of [
        null,
        legacy('invalid_grant', 'Token has been expired or revoked.'),
        detailed('invalid_grant'),
      ])
        expect(judge(status, body).kind).not.toBe('auth_revoked')
  })

  it.each([400, 403, 404, 410, 413])('%i is not believed of something that is not Gmail', (status) => {
    expect(judge(status, null)).toMatchObject({ kind: 'protocol', code: 'http_not_json' })
  })

  it.each([[null], ['text'], [[]], [{ error: 'invalid_token' }], [{ error: { errors: 7, details: 'x' } }]])(
    'is judged by its status where the body is %j',
    (body) => {
      expect(judge(500, body).kind).toBe('transient')
      expect(judge(429, body).kind).toBe('rate_limited')
    },
  )

  it('says when to come back: by the header, else by the words', () => {
    const words = legacy('userRateLimitExceeded', 'User-rate limit exceeded.  Retry after 2026-11-20T12:00:09.500Z')
    expect(judge(429, words, 4_000).retryAfter).toBe(4_000)
    expect(judge(429, words).retryAfter).toBe(9_500)
    expect(judge(429, legacy('')).retryAfter).toBeUndefined()
    expect(judge(429, legacy('', 'Retry after 2026-11-20T11:00:00Z')).retryAfter).toBe(0)
  })

  it('quotes Google in one line, shortened, and never the token', () => {
    const { message } = judge(400, legacy('invalidArgument', `Bad\r\nthing ${TOKEN} ${'x'.repeat(500)}`))
    expect(message).toContain('“Bad thing [hidden] xxx')
    expect(message).not.toContain(TOKEN)
    expect(message.length).toBeLessThan(260)
  })

  it('tells people what to do where people can do something', () => {
    for (const reason of ['insufficientPermissions', 'accessNotConfigured', 'domainPolicy'])
      expect(judge(403, legacy(reason)).hint).toMatch(/\.$/)
  })
})

describe('a refused watch', () => {
  const topic = 'projects/p/topics/t'
  it.each([
    [
      403,
      legacy(
        'forbidden',
        'Error sending test message to Cloud PubSub projects/p/topics/t : User not authorized to perform this action.',
      ),
      'google_topic_forbidden',
    ],
    [
      404,
      legacy('notFound', 'Error sending test message to Cloud PubSub : Resource not found (resource=t).'),
      'google_topic_missing',
    ],
    [400, legacy('invalidArgument', 'Invalid topicName does not match projects/x/topics/*'), 'google_topic_refused'],
  ])('%i says what to grant to whom', (status, body, code) => {
    const error = watchRefused(judge(status, body), topic)
    expect(error).toMatchObject({ kind: 'protocol', code })
    expect(error.message).toContain(topic)
    expect(error.hint).toContain('gmail-api-push@system.gserviceaccount.com')
    expect(error.hint).toContain('Pub/Sub Publisher')
  })

  it('stays what it is where the topic is not to blame', () => {
    for (const error of [
      judge(429, null),
      judge(500, null),
      judge(401, null),
      judge(403, legacy('insufficientPermissions')),
    ])
      expect(watchRefused(error, topic)).toBe(error)
  })
})
