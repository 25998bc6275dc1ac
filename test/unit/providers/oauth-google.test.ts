import { describe, expect, it } from 'vitest'
import {
  accountAddress,
  accountKey,
  consentParameters,
  endedHint,
  GMAIL_SCOPES,
  googleClient,
  missingScopes,
} from '../../../worker/providers/gmail/oauth'

const [read = '', send = ''] = GMAIL_SCOPES

it('asks for reading and sending, and for nothing else', () => {
  expect(GMAIL_SCOPES).toEqual([
    'https://www.googleapis.com/auth/gmail.readonly',
    'https://www.googleapis.com/auth/gmail.send',
  ])
})

it('asks for a refresh token each time, hints at the account, and after a mismatch lets the person choose', () => {
  expect(consentParameters('a@gmail.com', false)).toEqual({
    access_type: 'offline',
    prompt: 'consent',
    login_hint: 'a@gmail.com',
  })
  expect(consentParameters('a@gmail.com', true).prompt).toBe('select_account consent')
})

it('takes nothing but invalid_grant for the end of a grant', () => {
  const settings = { authUrl: 'a', tokenUrl: 't', revokeUrl: 'r', clientId: 'c', clientSecret: 's', redirectUri: 'u' }
  expect(googleClient(settings)).toMatchObject({ terminal: ['invalid_grant'], issuer: 'https://accounts.google.com' })
})

describe('permissions', () => {
  it.each([
    [[read, send], []],
    [[send, read, 'openid'], []],
    [[read], ['send']],
    [[send], ['read']],
    [[], ['read', 'send']],
    [null, []],
  ])('of %j miss %j', (granted, missing) => {
    expect(missingScopes(granted)).toEqual(missing)
  })
})

describe('the same account', () => {
  it.each([
    ['Support@Gmail.com', 'support@gmail.com'],
    ['sup.port@gmail.com', 'support@googlemail.com'],
    ['support+de@gmail.com', 'support@gmail.com'],
    ['Support@Acme.Example', 'support@acme.example'],
  ])('%s is %s', (one, other) => {
    expect(accountKey(one)).toBe(accountKey(other))
  })

  it.each([
    ['sup.port@acme.example', 'support@acme.example'],
    ['support+de@acme.example', 'support@acme.example'],
    ['support@gmail.com', 'support@gmail.com.evil.example'],
    ['support@gmail.com', 'support@acme.example'],
    ['support@gmail.com', 'help@gmail.com'],
  ])('%s is not %s', (one, other) => {
    expect(accountKey(one)).not.toBe(accountKey(other))
  })
})

describe('a grant that Google has ended', () => {
  const DAY = 86_400_000
  it.each([
    [7 * DAY + 1_800_000, true],
    [6.6 * DAY, true],
    [8.4 * DAY, true],
    [1 * DAY, false],
    [6 * DAY, false],
    [9 * DAY, false],
    [200 * DAY, false],
  ])('%i ms after it was given names a consent screen in "Testing" as the likely cause: %s', (age, named) => {
    const hint = endedHint(age, 'invalid_grant')
    expect(hint.includes('"Testing"')).toBe(named)
    expect(hint).toContain('econnect')
  })

  it('by session control of a Workspace says so, whatever its age', () => {
    expect(endedHint(7 * DAY, 'invalid_grant: invalid_rapt')).toContain('Workspace')
  })
})

describe('whose account a token speaks for', () => {
  const answered = (response: () => Promise<Response>) => {
    const asked: { url: string; init: RequestInit | undefined }[] = []
    const deps = {
      clock: () => 0,
      limits: { time: 100, answer: 4_096 },
      fetch: async (input: RequestInfo | URL, init?: RequestInit) => {
        asked.push({ url: String(input), init })
        return response()
      },
    }
    return { asked, address: accountAddress('https://gmail.example', deps, 'access-1') }
  }

  it('is asked of the profile, with the token in the header only', async () => {
    const { asked, address } = answered(async () => Response.json({ emailAddress: 'A@Gmail.com', historyId: '9' }))
    expect(await address).toEqual({ address: 'a@gmail.com' })
    expect(asked[0]).toMatchObject({
      url: 'https://gmail.example/gmail/v1/users/me/profile',
      init: { redirect: 'manual', headers: { authorization: 'Bearer access-1' } },
    })
  })

  it.each([
    ['refused', async () => new Response('{}', { status: 403 }), 403],
    ['a redirect', async () => new Response(null, { status: 302, headers: { location: 'https://evil.example' } }), 302],
    ['a page', async () => new Response('<html>'), null],
    ['cut off', async () => new Response('{"emailAddress":"a@gm'), null],
    ['no address', async () => Response.json({}), null],
    ['no text', async () => Response.json({ emailAddress: ['a@gmail.com'] }), null],
    ['a sentence', async () => Response.json({ emailAddress: 'a@gmail.com or so' }), null],
    ['null', async () => Response.json(null), null],
    ['huge', async () => Response.json({ emailAddress: 'a@gmail.com', x: 'x'.repeat(5_000) }), null],
    ['nothing', () => new Promise<Response>(() => {}), null],
  ] as [string, () => Promise<Response>, number | null][])(
    'stays unknown when the answer is %s',
    async (_what, response, status) => {
      expect(await answered(response).address).toEqual({ status })
    },
  )
})
