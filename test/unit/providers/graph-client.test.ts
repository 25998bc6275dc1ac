// Authorised calls to Graph: one new token after a refusal, and tokens that are seen nowhere but in their header, at no other host.
import { describe, expect, it } from 'vitest'
import { Folder } from '../../../worker/providers/graph/answers'
import { createClient } from '../../../worker/providers/graph/client'
import { GRAPH_LIMITS } from '../../../worker/providers/graph/limits'
import { claimsOf, lackingPermissions, mayWrite } from '../../../worker/providers/graph/token-claims'
import { ProviderError, type TokenSource } from '../../../worker/providers/provider'
import { countingTokens, graphRefusal, html, json, type Script, scriptedFetch } from '../../support/scripted-fetch'

const INBOX = { path: 'mailFolders/inbox' }
const inbox = () => json({ id: 'f1', displayName: 'Inbox' })

function client(script: Script, source?: TokenSource) {
  const { fetch, asked } = scriptedFetch(script)
  const tokens = countingTokens()
  let spent = 0
  const made = createClient(
    { fetch, clock: () => 0, token: source ?? tokens.token, spent: (units) => (spent += units), limits: GRAPH_LIMITS },
    { apiUrl: 'https://graph.test/v1.0', mailbox: { kind: 'own', address: 'a@contoso.example' }, trustedHosts: [] },
  )
  return { ...made, asked, refused: tokens.refused, spent: () => spent }
}
async function failing(work: Promise<unknown>): Promise<ProviderError> {
  const error = await work.then(
    () => new Error('did not fail'),
    (thrown: unknown) => thrown,
  )
  if (error instanceof ProviderError) return error
  throw error
}

describe('a refused token', () => {
  it('is replaced once for all calls that met with it', async () => {
    const { call, refused, asked } = client(({ headers }) =>
      headers.get('authorization') === 'Bearer token-1' ? graphRefusal(401, 'InvalidAuthenticationToken') : inbox(),
    )
    await Promise.all([1, 2, 3].map(() => call(Folder, INBOX)))
    expect(refused).toEqual([undefined, 'token-1'])
    expect(asked).toHaveLength(6)
  })

  it('that is refused again is trouble of the moment, not the end of the grant', async () => {
    const { call, asked } = client(() => graphRefusal(401, 'InvalidAuthenticationToken'))
    expect(await failing(call(Folder, INBOX))).toMatchObject({ kind: 'transient', code: 'graph_token_refused' })
    expect(asked).toHaveLength(2)
  })

  it('whose source says the grant is gone ends there', async () => {
    const gone = new ProviderError('auth_revoked', 'oauth_refresh_failed', 'Microsoft ended the access.')
    const { call } = client(
      () => graphRefusal(401, 'InvalidAuthenticationToken'),
      async (refused) => {
        if (refused) throw gone
        return 'token'
      },
    )
    expect(await failing(call(Folder, INBOX))).toBe(gone)
  })
})

describe('a token', () => {
  it('stands in its header alone, and in no error', async () => {
    const { call, asked } = client(() => graphRefusal(400, 'BadRequest', 'what is token-1?'))
    const error = await failing(call(Folder, INBOX))
    expect(error.message).toContain('[hidden]')
    expect(JSON.stringify([error.message, error.cause])).not.toContain('token-1')
    for (const { url, body } of asked) expect(`${url.href}${body}`).not.toContain('token-')
  })

  it('follows no redirect and no link to another host', async () => {
    const redirecting = client(() => new Response(null, { status: 302, headers: { location: 'https://evil.test/' } }))
    expect((await failing(redirecting.call(Folder, INBOX))).code).toBe('untrusted_host')
    expect(redirecting.asked).toHaveLength(1)
    for (const link of [
      'https://evil.test/v1.0',
      'http://graph.test/v1.0',
      'https://graph.test@evil.test/',
      'https://u:p@graph.test/',
      'https://graph.test:8443/v1.0',
      'https://gr\u0430ph.test/v1.0',
      'https://xn--grph-43d.test/v1.0',
      'https://graph.test./v1.0',
      'https://graph.test.evil.test/v1.0',
      '//evil.test/v1.0',
      'https:\\\\evil.test\\@graph.test/',
      'ftp://graph.test/v1.0',
      'javascript:alert(1)',
    ]) {
      const { call, asked } = client(inbox)
      expect((await failing(call(Folder, { link }))).code).toBe('untrusted_host')
      expect(asked).toHaveLength(0)
    }
  })

  it('is not sent along with a file, whose address is one of Graph’s', async () => {
    const bytes = new Uint8Array(10)
    const { upload, asked, spent } = client(() => json({}))
    await upload('https://graph.test/upload/1?sig=x', { start: 0, bytes, total: 10 })
    expect(asked[0]?.method).toBe('PUT')
    expect(asked[0]?.headers.get('authorization')).toBeNull()
    expect(asked[0]?.headers.get('content-range')).toBe('bytes 0-9/10')
    expect(spent()).toBe(1)
    expect((await failing(upload('https://evil.test/put', { start: 0, bytes, total: 10 }))).code).toBe('untrusted_host')
    expect(asked).toHaveLength(1)
  })
})

describe('an answer', () => {
  it('that is a page for people is not Microsoft’s', async () => {
    expect((await failing(client(() => html(200)).call(Folder, INBOX))).code).toBe('http_not_json')
  })

  it('of another shape is not read', async () => {
    expect((await failing(client(() => json({ hello: 1 })).call(Folder, INBOX))).code).toBe('graph_unexpected')
  })
})

describe('what a token says', () => {
  const jwt = (claims: object) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.sig`

  it('names what is missing for each kind of mailbox', () => {
    const claims = claimsOf(jwt({ scp: 'User.Read Mail.Read Mail.Send', tid: 'tenant-1' }))
    if (!claims) throw new Error('no claims')
    expect(claims.tid).toBe('tenant-1')
    expect(lackingPermissions(claims, 'own')).toEqual([])
    expect(lackingPermissions(claims, 'shared')).toEqual(['Mail.Read.Shared', 'Mail.Send.Shared'])
    expect(mayWrite(claims, 'own')).toBe(false)
  })

  it('of an app is in its roles', () => {
    const claims = claimsOf(jwt({ roles: ['Mail.ReadWrite'] }))
    expect(claims && lackingPermissions(claims, 'app')).toEqual(['Mail.Send'])
    expect(claims && mayWrite(claims, 'app')).toBe(true)
  })

  it.each(['opaque', 'EwB4A8l6BAAU', 'a.b.c', 'a.b.c.d.e', `x.${Buffer.from('"text"').toString('base64url')}.y`])(
    'is nobody’s business where it is %s',
    (token) => {
      expect(claimsOf(token)).toBeNull()
    },
  )
})
