import { afterAll, describe, expect, it } from 'vitest'
import { secrets } from './account-connect-lab'
import { setUpConnect } from './microsoft-connect-lab'
import { CLIENT_ID, DEPLOYMENT, givenMicrosoftInbox, graphRefusal, refused } from './microsoft-rows'

const APP_ONLY = { mailbox: { kind: 'app' } }
const said: string[] = []

/** Begins, and answers the status and what was said. */
async function begin(t: Awaited<ReturnType<typeof setUpConnect>>, body: object = APP_ONLY) {
  const response = await t.begin(body)
  const text = await response.text()
  said.push(text)
  for (const token of t.microsoft.issued) secrets.add(token)
  return { status: response.status, ...(JSON.parse(text) as { url?: null; code?: string; detail?: string }) }
}

afterAll(() => {
  expect([...secrets].filter((secret) => said.some((text) => text.includes(secret)))).toEqual([])
})

describe('a mailbox that the app opens by itself', () => {
  it('is connected without a browser, once it was really read', async () => {
    const t = await setUpConnect()
    expect(await begin(t)).toEqual({ status: 200, url: null })
    expect(t.microsoft.asked.map(({ url }) => url)).toEqual([
      'https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token',
      `https://graph.microsoft.com/v1.0/users/${encodeURIComponent(t.inbox.address)}/mailFolders/inbox`,
    ])
    expect(t.microsoft.asked[0]?.body).toMatchObject({
      grant_type: 'client_credentials',
      scope: 'https://graph.microsoft.com/.default',
    })
    const row = await t.row()
    expect(row?.status).toBe('connected')
    expect(JSON.parse(String(row?.config)).microsoft).toMatchObject({
      kind: 'app',
      address: t.inbox.address,
      account: null,
      profileId: t.inbox.profileId,
      clientId: CLIENT_ID,
      directory: 'contoso.example',
    })
    expect(await t.tokens()).toMatchObject({ accessToken: t.microsoft.issued[0], refreshToken: null })
    expect((await t.object()).active).toBe(true)
    expect(await t.attempts()).toEqual([])
  })

  it.each([
    [403, 'ErrorAccessDenied', 'admin consent'],
    [401, 'InvalidAuthenticationToken', 'admin consent'],
    [404, 'ErrorInvalidUser', 'no mailbox'],
    [503, 'serviceNotAvailable', 'few minutes'],
  ])('that Graph does not open (%i) is not connected, and the words say what to do', async (status, code, words) => {
    const t = await setUpConnect()
    t.microsoft.inbox = async () => graphRefusal(status, code)
    const answer = await begin(t)
    expect(answer).toMatchObject({ status: 422, code: 'connection_failed' })
    expect(answer.detail).toContain(words)
    expect(answer.detail).toContain('req-0001')
    expect(await t.row()).toMatchObject({ status: 'disconnected', credentials: null })
  })

  it.each<[string, () => Response, string]>([
    ['a wrong secret', () => refused(7000215, 'invalid_client', 401), 'secret'],
    ['no consent', () => refused(65001), 'administrator'],
    ['no answer', () => new Response('<html>', { status: 502 }), 'few minutes'],
  ])(
    'that Entra gives no token for (%s) is not connected, and the words say what to do',
    async (_what, tokenAnswer, words) => {
      const t = await setUpConnect()
      t.microsoft.tokenAnswer = async () => tokenAnswer()
      const answer = await begin(t)
      expect(answer).toMatchObject({ status: 422, code: 'connection_failed' })
      expect(answer.detail).toContain(words)
    },
  )

  it("is never opened by the deployment's app: what one organisation has allowed it is nothing to another", async () => {
    const t = await setUpConnect({ profile: null, settings: DEPLOYMENT })
    const answer = await begin(t)
    expect(answer.status).toBe(409)
    expect(answer.detail).toContain('profile of your own')
    expect(t.microsoft.asked).toEqual([])
  })

  it.each(['common', 'organizations'])('needs a directory of its own, not %s', async (directory) => {
    const t = await setUpConnect({ profile: { directory } })
    expect((await begin(t)).status).toBe(409)
    expect(t.microsoft.asked).toEqual([])
  })

  it('that another inbox of the tenant reads is refused', async () => {
    const t = await setUpConnect()
    const other = await givenMicrosoftInbox({ tenantId: t.inbox.tenantId, profile: null })
    expect((await begin(t, { mailbox: { kind: 'app', address: other.address } })).status).toBe(409)
    expect(t.microsoft.asked).toEqual([])
  })
})
