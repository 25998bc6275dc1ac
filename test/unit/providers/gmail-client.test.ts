// Authorised calls: one new token after a refusal, the bill, and tokens that are seen nowhere but in their header.
import { describe, expect, it } from 'vitest'
import { Profile } from '../../../worker/providers/gmail/answers'
import { createClient } from '../../../worker/providers/gmail/client'
import { GMAIL_LIMITS } from '../../../worker/providers/gmail/limits'
import { openGmail } from '../../../worker/providers/gmail/provider'
import { ProviderError, type TokenSource } from '../../../worker/providers/provider'
import { countingTokens, html, json, refusal, type Script, scriptedFetch } from '../../support/scripted-fetch'

const PROFILE = { path: 'profile', units: 1 }
const profile = () => json({ emailAddress: 'a@example.org', historyId: '1' })

function client(script: Script, source?: TokenSource, trustedHosts: string[] = []) {
  const { fetch, asked } = scriptedFetch(script)
  const tokens = countingTokens()
  const spent: number[] = []
  const made = createClient(
    { fetch, clock: () => 0, token: source ?? tokens.token, spent: (units) => spent.push(units), limits: GMAIL_LIMITS },
    { apiUrl: 'https://gmail.test', trustedHosts },
  )
  return { ...made, asked, refused: tokens.refused, spent }
}
async function failing(work: Promise<unknown>): Promise<ProviderError> {
  const error = await work.then(
    () => new Error('did not fail'),
    (thrown: unknown) => thrown,
  )
  if (error instanceof ProviderError) return error
  throw error
}
const authorizations = (asked: { headers: Headers }[]) => asked.map(({ headers }) => headers.get('authorization'))

describe('a refused token', () => {
  it('is replaced once and the call is made again', async () => {
    const { call, asked, refused, spent } = client((_, count) => (count === 1 ? refusal(401, 'authError') : profile()))
    expect((await call(Profile, PROFILE)).historyId).toBe('1')
    expect(authorizations(asked)).toEqual(['Bearer token-1', 'Bearer token-2'])
    expect(refused).toEqual([undefined, 'token-1'])
    expect(spent).toEqual([1, 1])
  })

  it('that is refused again is trouble of the moment, not the end of the grant', async () => {
    const { call, asked } = client(() => refusal(401, 'authError', 'Invalid Credentials'))
    expect(await failing(call(Profile, PROFILE))).toMatchObject({ kind: 'transient', code: 'google_token_refused' })
    expect(asked).toHaveLength(2)
  })

  it('is replaced once for all calls that met with it', async () => {
    const { call, refused } = client(({ headers }) =>
      headers.get('authorization') === 'Bearer token-1' ? refusal(401) : profile(),
    )
    await Promise.all([1, 2, 3, 4].map(() => call(Profile, PROFILE)))
    expect(refused).toEqual([undefined, 'token-1'])
  })

  it('whose source says the grant is gone ends there', async () => {
    const gone = new ProviderError('auth_revoked', 'oauth_refresh_failed', 'Google ended the access.')
    const { call, asked } = client(
      () => refusal(401),
      async (refused) => {
        if (refused) throw gone
        return 'token-1'
      },
    )
    expect(await failing(call(Profile, PROFILE))).toBe(gone)
    expect(asked).toHaveLength(1)
  })

  it('whose source fails for the moment is asked for again by the next call', async () => {
    let tries = 0
    const { call } = client(profile, async () => {
      if (++tries === 1) throw new ProviderError('transient', 'token_busy', 'Later.')
      return 'token-2'
    })
    expect((await failing(call(Profile, PROFILE))).code).toBe('token_busy')
    expect((await call(Profile, PROFILE)).historyId).toBe('1')
  })
})

describe('a provider answering', () => {
  it('HTML is refused in place of JSON', async () => {
    for (const status of [200, 404, 403, 400])
      expect(await failing(client(() => html(status)).call(Profile, PROFILE))).toMatchObject({
        kind: 'protocol',
        code: 'http_not_json',
      })
    expect((await failing(client(() => html(502)).call(Profile, PROFILE))).code).toBe('gmail_unavailable')
  })

  it('truncated JSON is not believed', async () => {
    const half = () => new Response('{"emailAddress":"a', { headers: { 'content-type': 'application/json' } })
    expect((await failing(client(half).call(Profile, PROFILE))).kind).toBe('transient')
  })

  it('a redirect to another host gets neither the call nor the token', async () => {
    const away = () =>
      new Response(null, { status: 302, headers: { location: 'https://evil.test/gmail/v1/users/me/profile' } })
    const { call, asked } = client(away)
    expect((await failing(call(Profile, PROFILE))).code).toBe('untrusted_host')
    expect(asked.map(({ url }) => url.host)).toEqual(['gmail.test'])
  })

  it('a redirect to a host of TRUSTED_PROVIDER_HOSTS is followed', async () => {
    const moved = () => new Response(null, { status: 307, headers: { location: 'https://eu.gmail.test/profile' } })
    const { call, asked } = client((_, count) => (count === 1 ? moved() : profile()), undefined, ['eu.gmail.test'])
    await call(Profile, PROFILE)
    expect(asked.map(({ url }) => url.host)).toEqual(['gmail.test', 'eu.gmail.test'])
  })

  it('429 says when to come back', async () => {
    const { call } = client(() => refusal(429, 'rateLimitExceeded', '', { 'retry-after': '17' }))
    expect(await failing(call(Profile, PROFILE))).toMatchObject({ kind: 'rate_limited', retryAfter: 17_000 })
  })
})

describe('a token', () => {
  it('appears in no error, whatever Google answers', async () => {
    const echo: Script = ({ headers }) => refusal(400, 'badRequest', `You said ${headers.get('authorization')}`)
    const error = await failing(client(echo).call(Profile, PROFILE))
    expect(JSON.stringify([error.message, error.hint, String(error.cause)])).not.toContain('token-1')
  })

  it('is in a header and never in a URL', async () => {
    const { call, asked } = client(profile)
    await call(Profile, PROFILE)
    expect(asked[0]?.url.href).toBe('https://gmail.test/gmail/v1/users/me/profile')
  })
})

describe('the provider', () => {
  const open = (script: Script, topic: string | null) => {
    const { fetch, asked } = scriptedFetch(script)
    const spent: number[] = []
    const provider = openGmail(
      { apiUrl: 'https://gmail.test', since: 0, topic, trustedHosts: [], unitsPerMinute: 6_000 },
      { fetch, clock: () => 0, token: countingTokens().token, spent: (units) => spent.push(units) },
    )
    return { provider, asked, spent }
  }
  const watching: Script = ({ url }) =>
    url.pathname.endsWith('/stop')
      ? new Response(null, { status: 204 })
      : json({ historyId: '1', expiration: '1700604800000' })

  it('stops whatever watch there was before it subscribes, and renews without stopping', async () => {
    const { provider, asked } = open(watching, 'projects/p/topics/t')
    expect(await provider.push?.subscribe(null)).toEqual({ expiresAt: 1_700_604_800_000 })
    await provider.push?.renew({ expiresAt: 0 })
    await provider.push?.unsubscribe(null)
    expect(asked.map(({ method, url }) => `${method} ${url.pathname.split('/').at(-1)}`)).toEqual([
      'POST stop',
      'POST watch',
      'POST watch',
      'POST stop',
    ])
    expect(asked.filter(({ body }) => body !== '').map(({ body }) => JSON.parse(body))).toEqual([
      { topicName: 'projects/p/topics/t' },
      { topicName: 'projects/p/topics/t' },
    ])
  })

  it('has no push without a topic, and says what a message costs', () => {
    const { provider } = open(profile, null)
    expect(provider.push).toBeUndefined()
    expect(provider.quota).toEqual({ units: 6_000, window: 60_000, perMessage: 20 })
  })

  it('checks itself up to the step that fails, in words and without changing anything', async () => {
    const { provider, asked } = open(({ url }) => {
      if (url.pathname.endsWith('/profile')) return profile()
      return url.pathname.endsWith('/messages') ? refusal(403, 'insufficientPermissions') : json({})
    }, 'projects/p/topics/t')
    const { ok, steps } = await provider.check()
    expect(ok).toBe(false)
    expect(steps.map(({ name, status }) => [name, status])).toEqual([
      ['Access', 'pass'],
      ['Mailbox', 'pass'],
      ['Reading', 'fail'],
    ])
    expect(steps.at(-1)?.hint).toContain('Reconnect')
    expect(asked.every(({ method }) => method === 'GET')).toBe(true)
  })

  it('warns where the account does not send as itself', async () => {
    const { provider } = open(({ url }) => {
      if (url.pathname.endsWith('/profile')) return profile()
      return url.pathname.endsWith('/sendAs') ? json({ sendAs: [{ sendAsEmail: 'other@example.org' }] }) : json({})
    }, null)
    const { ok, steps } = await provider.check()
    expect(ok).toBe(true)
    expect(steps.map(({ name, status }) => `${name} ${status}`)).toEqual([
      'Access pass',
      'Mailbox pass',
      'Reading pass',
      'Sending warn',
      'Push pass',
    ])
  })
})
