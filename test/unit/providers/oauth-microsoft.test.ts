import { describe, expect, it } from 'vitest'
import {
  accountOf,
  applicationScope,
  consentParameters,
  isOneDirectory,
  microsoftClient,
  missingScopes,
  openInbox,
  refusedHint,
  remedyOf,
} from '../../../worker/providers/graph/oauth'
import { clientCredentials, refreshTokens } from '../../../worker/providers/oauth'

const GRAPH = 'https://graph.example/v1.0'
const app = {
  loginUrl: 'https://login.example',
  directory: 'contoso.example',
  clientId: 'c',
  clientSecret: 's',
  redirectUri: 'u',
}
const OWN = ['offline_access', 'User.Read', 'Mail.Read', 'Mail.Send']
const SHARED = ['offline_access', 'User.Read', 'Mail.Read.Shared', 'Mail.Send.Shared']

describe('the authority', () => {
  it('is one directory for consent, exchange and refresh alike', () => {
    const client = microsoftClient(app)
    expect(client).toMatchObject({
      issuer: 'https://login.example/contoso.example/v2.0',
      authUrl: 'https://login.example/contoso.example/oauth2/v2.0/authorize',
      tokenUrl: 'https://login.example/contoso.example/oauth2/v2.0/token',
    })
    expect(client.revokeUrl).toBeUndefined()
  })

  it('cannot be led elsewhere by the name of a directory', () => {
    const { tokenUrl } = microsoftClient({ ...app, directory: '../../evil?x=' })
    expect(new URL(tokenUrl).pathname).toBe('/..%2F..%2Fevil%3Fx%3D/oauth2/v2.0/token')
  })

  it.each(['common', 'organizations', 'consumers'])('%s is no single directory', (directory) => {
    expect(isOneDirectory(directory)).toBe(false)
    expect(isOneDirectory('contoso.example')).toBe(true)
  })
})

it('asks for whatever is granted to the app at the Graph it talks to', () => {
  expect(applicationScope('https://graph.microsoft.us/v1.0')).toBe('https://graph.microsoft.us/.default')
})

it('hints at the account, lets it be chosen after a mismatch, and never forces consent', () => {
  expect(consentParameters('a@b.example', false)).toEqual({ response_mode: 'query', login_hint: 'a@b.example' })
  expect(consentParameters(null, true)).toEqual({ response_mode: 'query', prompt: 'select_account' })
})

describe('permissions', () => {
  it.each<[string[], string[] | null, string[]]>([
    [OWN, ['User.Read', 'Mail.Read', 'Mail.Send', 'profile', 'openid', 'email'], []],
    [OWN, ['https://graph.microsoft.com/User.Read', 'https://graph.microsoft.com/Mail.Read', 'Mail.Send'], []],
    [OWN, ['user.read', 'mail.readwrite', 'mail.send'], []],
    [OWN, ['Mail.Read', 'Mail.Send'], ['profile']],
    [OWN, ['User.Read', 'Mail.Send'], ['read']],
    [OWN, ['User.Read', 'Mail.Read'], ['send']],
    [OWN, ['User.Read', 'Mail.ReadBasic', 'Mail.Send'], ['read']],
    [SHARED, ['User.Read', 'Mail.ReadWrite.Shared', 'Mail.Send.Shared'], []],
    [SHARED, ['User.Read', 'Mail.Read', 'Mail.Send'], ['read', 'send']],
    [OWN, [], ['profile', 'read', 'send']],
    [OWN, null, []],
  ])('%j of %j miss %j', (asked, granted, missing) => {
    expect(missingScopes(asked, granted)).toEqual(missing)
  })
})

describe("Entra's numbers", () => {
  it.each([
    ['invalid_grant: AADSTS65001', 'consent'],
    ['access_denied: AADSTS90094', 'consent'],
    ['interaction_required: AADSTS53003', 'policy'],
    ['invalid_client: AADSTS7000222', 'application'],
    ['invalid_request: AADSTS50194', 'authority'],
    ['invalid_grant: AADSTS50057', 'account'],
    ['invalid_grant: AADSTS70002: AADSTS50057', 'account'],
    ['invalid_grant: AADSTS50173', null],
    ['AADSTS5305', null],
    [undefined, null],
  ])('%s asks for %s', (reason, remedy) => {
    expect(remedyOf(reason)).toBe(remedy)
  })

  it('say what to do, and nothing where only time helps', () => {
    expect(refusedHint('invalid_grant: AADSTS50173', true)).toContain('Reconnect')
    expect(refusedHint('temporarily_unavailable: AADSTS90033', false)).toBeUndefined()
  })
})

describe('a token request that is refused', () => {
  const asking = (body: object, status = 400) => ({
    clock: () => 0,
    fetch: async () => Response.json(body, { status }),
  })
  const failure = (work: Promise<unknown>) =>
    work.then(
      () => null,
      (error: unknown) => error,
    )
  const described = (...codes: number[]) => codes.map((code) => `AADSTS${code}: Words. secret-1`).join(' ')

  it.each([
    ['invalid_grant', [50173], true],
    ['interaction_required', [50076], true],
    ['invalid_grant', [70002, 700082], true],
    ['invalid_grant', [90033], false],
    ['invalid_grant', [53003], false],
    ['invalid_grant', [], true],
    ['interaction_required', [], false],
    ['invalid_client', [7000215], false],
  ] as const)('%s with %j is the end: %s', async (error, codes, terminal) => {
    const deps = asking({ error, error_description: described(...codes) })
    const reason = [error, ...codes.map((code) => `AADSTS${code}`)].join(': ')
    for (const asked of [
      refreshTokens(microsoftClient(app), deps, 'r'),
      clientCredentials(microsoftClient(app), deps, 'x'),
    ])
      expect(await failure(asked)).toMatchObject({ terminal, reason })
  })

  it('repeats nothing of the words around the number', async () => {
    const deps = asking({ error: 'invalid_grant', error_description: described(50173) })
    expect(JSON.stringify(await failure(refreshTokens(microsoftClient(app), deps, 'r')))).not.toContain('secret-1')
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
    return { asked, deps }
  }
  const account = (response: () => Promise<Response>) => accountOf(GRAPH, answered(response).deps, 't')

  it('is asked of Graph, which redirects nowhere', async () => {
    const { asked, deps } = answered(async () =>
      Response.json({ mail: 'Anna@Contoso.Example', userPrincipalName: 'anna.upn@contoso.example' }),
    )
    expect(await accountOf(GRAPH, deps, 't')).toEqual({
      addresses: ['anna@contoso.example', 'anna.upn@contoso.example'],
    })
    expect(asked[0]?.url).toBe(`${GRAPH}/me?$select=mail,userPrincipalName`)
    expect(asked[0]?.init).toMatchObject({ redirect: 'manual', headers: { authorization: 'Bearer t' } })
  })

  it('without a mail address is known by the sign-in name', async () => {
    expect(await account(async () => Response.json({ mail: null, userPrincipalName: 'a@b.example' }))).toEqual({
      addresses: ['a@b.example'],
    })
  })

  it('that is refused tells the status, and the code and request id that support asks for', async () => {
    const refusal = async () =>
      Response.json({ error: { code: 'ErrorAccessDenied' } }, { status: 403, headers: { 'request-id': 'abc-1' } })
    expect(await account(refusal)).toEqual({ status: 403, code: 'ErrorAccessDenied', requestId: 'abc-1' })
  })

  it.each<[string, () => Promise<Response>]>([
    ['no JSON', async () => new Response('<html>')],
    ['a list', async () => Response.json([])],
    ['null', async () => Response.json(null)],
    ['no address', async () => Response.json({ mail: 'nobody', userPrincipalName: 5 })],
    ['too much', async () => Response.json({ mail: 'a@b.example', padding: 'x'.repeat(5_000) })],
    ['nothing in time', () => new Promise(() => {})],
    ['a break', () => Promise.reject(new Error('lost'))],
  ])('is not known from an answer of %s', async (_what, response) => {
    expect(await account(response)).toMatchObject({ status: null })
  })

  it.each([302, 401, 429, 503])('is not known from a status of %i', async (status) => {
    expect(await account(async () => new Response('<html>', { status }))).toMatchObject({ status, code: null })
  })

  it('repeats no code that does not look like one', async () => {
    const refusal = async () => Response.json({ error: { code: '<b>token</b>' } }, { status: 403 })
    expect(await account(refusal)).toMatchObject({ status: 403, code: null })
  })

  it.each([
    [null, '/me'],
    ['info+x@contoso.example', '/users/info%2Bx%40contoso.example'],
    ['../me', '/users/..%2Fme'],
  ])('the inbox of %s is opened at %s', async (mailbox, base) => {
    const { asked, deps } = answered(async () => Response.json({ id: 'f' }))
    expect(await openInbox(GRAPH, deps, 't', mailbox)).toBeNull()
    expect(asked[0]?.url).toBe(`${GRAPH}${base}/mailFolders/inbox?$select=id`)
  })
})
