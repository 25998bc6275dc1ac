// The simulated Entra, driven by what a browser and an app would send: authorities, consent, tokens and refusals.
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEntra } from './entra.ts'
import { APPS, startMicrosoft } from './server.ts'

const SUPPORT = 'support@contoso.example'
const ANNA = 'anna@contoso.example'
const ADELE = 'adele@fabrikam.example'
const REDIRECT = 'http://localhost:8787/api/auth/microsoft/callback'
const OWN = 'offline_access User.Read Mail.Read Mail.Send'
const { multi, single, unconsented } = APPS
type App = { clientId: string; secrets: string[] }

let microsoft: Awaited<ReturnType<typeof startMicrosoft>>
beforeAll(async () => {
  microsoft = await startMicrosoft({ redirectUris: [REDIRECT] })
})
afterAll(() => microsoft.close())

// biome-ignore lint/suspicious/noExplicitAny: answers of many shapes, looked at by tests
type Answer = Record<string, any>

async function control(name: string, body: object): Promise<Answer> {
  const response = await fetch(`${microsoft.url}/__control/${name}`, { method: 'POST', body: JSON.stringify(body) })
  const answer = (await response.json()) as Answer
  if (!response.ok) throw new Error(answer.error)
  return answer
}

const VERIFIER = 'v'.repeat(64)

function authorizeUrl({ app = multi, tenant = 'common', scope = OWN, ...more }: Record<string, unknown> = {}): string {
  const url = new URL(`${microsoft.url}/${tenant}/oauth2/v2.0/authorize`)
  url.search = new URLSearchParams({
    client_id: (app as App).clientId,
    redirect_uri: REDIRECT,
    response_type: 'code',
    response_mode: 'query',
    scope: String(scope),
    state: 'a state',
    code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'),
    code_challenge_method: 'S256',
    ...(more as Record<string, string>),
  }).toString()
  return url.href
}

/** The query that the app gets back after `account` has decided. */
async function sent(url: string, account = SUPPORT, deny = false): Promise<URLSearchParams> {
  const { location } = await control('authorize', { url, account, deny })
  expect(location.startsWith(`${REDIRECT}?`)).toBe(true)
  return new URL(location).searchParams
}

async function token(form: Record<string, string>, { app = multi as App, tenant = 'common', headers = {} } = {}) {
  const response = await fetch(`${microsoft.url}/${tenant}/oauth2/v2.0/token`, {
    method: 'POST',
    headers,
    body: new URLSearchParams({ client_id: app.clientId, client_secret: app.secrets[0] ?? '', ...form }),
  })
  return { status: response.status, ...((await response.json()) as Answer) } as Answer
}

const exchange = (code: string | null, more: Record<string, string> = {}, at: Parameters<typeof token>[1] = {}) =>
  token(
    { grant_type: 'authorization_code', code: code ?? '', redirect_uri: REDIRECT, code_verifier: VERIFIER, ...more },
    at,
  )
const refresh = (refreshToken: string, more: Record<string, string> = {}, at: Parameters<typeof token>[1] = {}) =>
  token({ grant_type: 'refresh_token', refresh_token: refreshToken, ...more }, at)

async function connect(account = SUPPORT, scope = OWN): Promise<Answer> {
  const tokens = await exchange((await sent(authorizeUrl({ scope }), account)).get('code'))
  expect(tokens.status).toBe(200)
  return tokens
}

const claimsOf = (jwt: string): Answer => JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString())
const directoryOf = (domain: string): string => microsoft.world.directoryNamed(domain)?.id ?? ''

describe('a code flow', () => {
  it('ends with a Graph token that names person, directory and scopes, and a refresh token', async () => {
    const answer = await sent(authorizeUrl())
    expect([answer.get('state'), answer.get('session_state')]).toEqual([
      'a state',
      expect.stringMatching(/^[\w-]{36}$/),
    ])
    const tokens = await exchange(answer.get('code'))
    expect(tokens).toMatchObject({ token_type: 'Bearer', expires_in: 3599 })
    expect(tokens.scope.split(' ').sort()).toEqual(['Mail.Read', 'Mail.Send', 'User.Read'])
    expect(claimsOf(tokens.access_token)).toMatchObject({
      scp: tokens.scope,
      tid: directoryOf('contoso.example'),
      upn: SUPPORT,
      appid: multi.clientId,
      idtyp: 'user',
    })
  })

  it('gives no refresh token without offline_access', async () => {
    expect((await connect(SUPPORT, 'User.Read Mail.Read')).refresh_token).toBeUndefined()
  })

  it('tells who signed in only where that was asked for, whatever has been consented to', async () => {
    expect((await connect(ANNA, `openid ${OWN}`)).id_token).toMatch(/^[\w-]+\.[\w-]+\./)
    expect((await connect(ANNA)).id_token).toBeUndefined()
  })

  it('knows scopes by their full names and in any case', async () => {
    const scope = 'https://graph.microsoft.com/mail.read offline_access'
    expect((await connect(ADELE, scope)).scope).toBe('Mail.Read')
  })

  it('takes a code once, in time, from its own app, with its redirect URI and verifier', async () => {
    const code = async () => (await sent(authorizeUrl())).get('code')
    const first = await code()
    expect((await exchange(first)).status).toBe(200)
    expect(await exchange(first)).toMatchObject({ status: 400, error: 'invalid_grant', error_codes: [54005] })
    expect((await exchange(await code(), { code_verifier: 'w'.repeat(64) })).error_codes).toEqual([501481])
    expect((await exchange(await code(), { code_verifier: '' })).error_codes).toEqual([501481])
    expect((await exchange(await code(), { redirect_uri: `${REDIRECT}/` })).error_codes).toEqual([500112])
    expect((await exchange('nonsense')).error_codes).toEqual([9002313])
    const other = { app: unconsented as App }
    expect((await exchange(await code(), {}, other)).error_codes).toEqual([70000])
    const late = await code()
    await control('clock', { advance: 10 * 60_000 })
    expect((await exchange(late)).error_codes).toEqual([70008])
  })

  it('shows an error page, never a redirect, for a foreign redirect URI, app, authority or scope', async () => {
    for (const [change, code] of [
      [{ redirect_uri: `${REDIRECT}/` }, 50011],
      [{ redirect_uri: 'http://evil.example/callback' }, 50011],
      [{ app: { clientId: 'other' } }, 700016],
      [{ tenant: 'nowhere.example' }, 90002],
      [{ tenant: 'consumers' }, 9002346],
      [{ app: single }, 50194],
      [{ app: single, tenant: 'organizations' }, 50194],
      [{ scope: 'Mail.Nonsense' }, 650053],
      [{ response_type: 'token' }, 90023],
      [{ code_challenge_method: 'plain' }, 90023],
    ] as const) {
      const response = await fetch(authorizeUrl(change), { redirect: 'manual' })
      expect([response.status, response.headers.get('location')]).toEqual([400, null])
      expect(await response.text()).toContain(`AADSTS${code}:`)
    }
  })

  it('escapes what a request carries', async () => {
    const response = await fetch(authorizeUrl({ login_hint: '"><script>alert(1)</script>@x.example' }))
    expect(await response.text()).not.toContain('<script>')
  })
})

describe('directories', () => {
  it('let a single-tenant app in at its own authority alone, by id or by domain', async () => {
    for (const tenant of ['contoso.example', directoryOf('contoso.example')]) {
      const at = { app: single as App, tenant }
      expect((await exchange((await sent(authorizeUrl(at))).get('code'), {}, at)).status).toBe(200)
    }
    const at = { app: single as App, tenant: 'fabrikam.example' }
    expect((await refresh('x', {}, at)).error_codes).toEqual([700016])
    expect(await refresh('x', {}, { app: single as App })).toMatchObject({
      status: 400,
      error: 'invalid_request',
      error_codes: [50194],
    })
  })

  it('refuse an account of another one', async () => {
    const url = authorizeUrl({ tenant: 'contoso.example' })
    await expect(control('authorize', { url, account: ADELE })).rejects.toThrow('AADSTS50020')
    const { refresh_token } = await connect(ADELE)
    expect((await refresh(refresh_token, {}, { tenant: 'contoso.example' })).error_codes).toEqual([50020])
    expect((await refresh(refresh_token, {}, { tenant: 'fabrikam.example' })).status).toBe(200)
  })

  it('let nobody sign in as a shared mailbox', async () => {
    const url = authorizeUrl()
    await expect(control('authorize', { url, account: 'info@contoso.example' })).rejects.toThrow('AADSTS50057')
    expect(await (await fetch(url)).text()).not.toContain('info@contoso.example')
  })
})

describe('consent', () => {
  it('shows a picker with the hinted account first, then the permissions, and comes back with a code', async () => {
    const url = authorizeUrl({ login_hint: ANNA, prompt: 'select_account' })
    const picker = await (await fetch(url)).text()
    expect(picker.indexOf(ANNA)).toBeLessThan(picker.indexOf(ADELE))
    const request = new URL(url).search.slice(1)
    const consentUrl = `${microsoft.url}/common/oauth2/v2.0/authorize/consent`
    const asked = await fetch(
      `${consentUrl}?${new URLSearchParams({ account: ADELE, request: request.replace('User.Read', 'MailboxSettings.Read') })}`,
    )
    expect(await asked.text()).toContain('Read your mailbox settings')
    const decide = async (decision: string) => {
      const body = new URLSearchParams({ account: ADELE, request, decision })
      const response = await fetch(consentUrl, { method: 'POST', redirect: 'manual', body })
      expect(response.status).toBe(303)
      return new URL(response.headers.get('location') ?? '').searchParams
    }
    expect((await decide('accept')).get('code')).toBeTruthy()
    const refused = await decide('cancel')
    expect([refused.get('error'), refused.get('error_subcode'), refused.get('state')]).toEqual([
      'access_denied',
      'cancel',
      'a state',
    ])
    expect(refused.get('error_description')).toContain('AADSTS65004')
  })

  it('makes an account with a new address, and says so when it is none', async () => {
    const url = `${microsoft.url}/common/oauth2/v2.0/authorize/account`
    const request = new URL(authorizeUrl()).search.slice(1)
    const post = (email: string) =>
      fetch(url, { method: 'POST', redirect: 'manual', body: new URLSearchParams({ request, email }) })
    expect((await post('new@northwind.example')).headers.get('location')).toContain('new%40northwind.example')
    expect(directoryOf('northwind.example')).toMatch(/^[\w-]{36}$/)
    expect((await post('nobody')).status).toBe(400)
  })

  it('is passed without a page once given, and prompt=none asks for what is missing', async () => {
    await connect(ADELE)
    const silent = async (more: object) => {
      const response = await fetch(authorizeUrl({ prompt: 'none', login_hint: ADELE, ...more }), { redirect: 'manual' })
      return new URL(response.headers.get('location') ?? '').searchParams
    }
    expect((await silent({})).get('code')).toBeTruthy()
    expect((await silent({ scope: 'Calendars.Read' })).get('error')).toBe('consent_required')
    expect((await silent({ login_hint: 'nobody@contoso.example' })).get('error')).toBe('login_required')
  })

  it('needs an administrator where people may not consent; afterwards anybody of that directory gets in', async () => {
    const url = authorizeUrl({ app: unconsented })
    const request = new URL(url).search.slice(1)
    const page = await fetch(
      `${microsoft.url}/common/oauth2/v2.0/authorize/consent?${new URLSearchParams({ account: SUPPORT, request })}`,
    )
    expect(await page.text()).toContain('Need admin approval')
    const refused = await sent(url)
    expect(refused.get('error')).toBe('access_denied')
    expect(refused.get('error_description')).toContain('AADSTS90094')
    const query = new URLSearchParams({
      client_id: unconsented.clientId,
      redirect_uri: REDIRECT,
      scope: OWN,
      state: 'admin',
    })
    const admin = `${microsoft.url}/contoso.example/v2.0/adminconsent`
    expect(await (await fetch(`${admin}?${query}`)).text()).toContain('without a signed-in user')
    const decide = async (decision: string) => {
      const body = new URLSearchParams({ request: query.toString(), decision })
      const response = await fetch(admin, { method: 'POST', redirect: 'manual', body })
      return Object.fromEntries(new URL(response.headers.get('location') ?? '').searchParams)
    }
    const tenant = directoryOf('contoso.example')
    expect(await decide('cancel')).toMatchObject({ admin_consent: 'True', tenant, error: 'consent_required' })
    expect(await decide('accept')).toMatchObject({ admin_consent: 'True', tenant, state: 'admin' })
    expect((await sent(url)).get('code')).toBeTruthy()
    expect((await sent(authorizeUrl({ app: unconsented }), ADELE)).get('error')).toBe('access_denied')
    await control('admin-consent', { clientId: unconsented.clientId, directory: 'contoso.example', withdraw: true })
    expect((await sent(url)).get('error')).toBe('access_denied')
  })
})

describe('refresh tokens', () => {
  it('rotate, and the old one stays valid', async () => {
    const first = await connect()
    const second = await refresh(first.refresh_token)
    expect(second.refresh_token).not.toBe(first.refresh_token)
    expect((await refresh(first.refresh_token)).status).toBe(200)
    expect((await refresh(second.refresh_token)).status).toBe(200)
  })

  it('give what was consented to and no more', async () => {
    const { refresh_token } = await connect()
    expect((await refresh(refresh_token, { scope: 'Mail.Read' })).status).toBe(200)
    expect(await refresh(refresh_token, { scope: 'Calendars.Read' })).toMatchObject({
      error: 'invalid_grant',
      error_codes: [65001],
      suberror: 'consent_required',
    })
  })

  it('die after ninety days without use', async () => {
    const { refresh_token } = await connect()
    await control('clock', { advance: 90 * 86_400_000 })
    expect(await refresh(refresh_token)).toMatchObject({ error_codes: [700082], suberror: 'token_expired' })
  })

  it.each([
    [50173, 'invalid_grant', 'bad_token'],
    [50076, 'interaction_required', 'basic_action'],
    [65001, 'invalid_grant', 'consent_required'],
  ])('end with AADSTS%i until the person signs in again', async (code, error, suberror) => {
    const { refresh_token, access_token } = await connect()
    const other = await connect(ANNA)
    await control('revoke', { account: SUPPORT, code })
    expect(await refresh(refresh_token)).toMatchObject({ status: 400, error, error_codes: [code], suberror })
    expect((await refresh(other.refresh_token)).status).toBe(200)
    expect(createEntra(microsoft.world).grants.access(access_token)).toBeNull()
    expect((await refresh((await connect()).refresh_token)).status).toBe(200)
  })
})

describe('the app by itself', () => {
  const own = (more: Record<string, string> = {}, at: Parameters<typeof token>[1] = {}) =>
    token(
      { grant_type: 'client_credentials', scope: 'https://graph.microsoft.com/.default', ...more },
      { tenant: 'contoso.example', ...at },
    )

  it('gets its roles where an administrator has consented, none before that, and no refresh token', async () => {
    const tokens = await own({ scope: `${microsoft.url}/.default` })
    expect(tokens.refresh_token).toBeUndefined()
    expect(claimsOf(tokens.access_token)).toMatchObject({ roles: multi.roles, idtyp: 'app' })
    const unasked = await own({}, { app: unconsented })
    expect(claimsOf(unasked.access_token)).toMatchObject({ roles: [] })
  })

  it('must name the directory, one that has let it in, and /.default', async () => {
    expect((await own({}, { tenant: 'common' })).error_codes).toEqual([50059])
    expect((await own({}, { tenant: 'fabrikam.example' })).error_codes).toEqual([700016])
    expect((await own({ scope: 'Mail.Read' })).error_codes).toEqual([1002012])
    expect((await own({ scope: 'https://vault.example/.default' })).error_codes).toEqual([70011])
    await control('admin-consent', { clientId: multi.clientId, directory: 'fabrikam.example' })
    expect((await own({}, { tenant: 'fabrikam.example' })).status).toBe(200)
  })

  it('proves itself with a secret that is right and not over, by body or by Basic', async () => {
    const wrong = { app: { ...multi, secrets: ['wrong'] } }
    expect(await own({}, wrong)).toMatchObject({ status: 401, error: 'invalid_client', error_codes: [7000215] })
    expect((await own({ client_secret: '' })).error_codes).toEqual([7000218])
    const basic = Buffer.from(`${multi.clientId}:${multi.secrets[0]}`).toString('base64')
    const headers = { authorization: `Basic ${basic}` }
    expect((await own({ client_id: '', client_secret: '' }, { headers })).status).toBe(200)
    await control('apps', { clientId: multi.clientId, secretsExpireAt: 1 })
    expect((await own()).error_codes).toEqual([7000222])
    await control('apps', { clientId: multi.clientId, secretsExpireAt: null })
    expect((await own()).status).toBe(200)
  })
})

describe('refusals', () => {
  it('have Microsoft’s shape, with the caller’s id as correlation id', async () => {
    const id = 'a1b2c3d4-0000-4000-8000-000000000000'
    const { status, ...body } = await refresh('nonsense', {}, { headers: { 'client-request-id': id } })
    expect(status).toBe(400)
    expect(Object.keys(body)).toEqual([
      'error',
      'error_description',
      'error_codes',
      'timestamp',
      'trace_id',
      'correlation_id',
      'error_uri',
    ])
    expect(body).toMatchObject({ error: 'invalid_grant', error_codes: [9002313], correlation_id: id })
    expect(body.error_description).toMatch(
      /^AADSTS9002313: .* Trace ID: [\w-]{36} Correlation ID: a1b2\S+ Timestamp: \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$/,
    )
  })

  it('are injected as told: an AADSTS code, or trouble that passes', async () => {
    const { refresh_token } = await connect()
    await control('fault', { path: '/token', kind: 'AADSTS53003' })
    expect(await refresh(refresh_token)).toMatchObject({ error: 'interaction_required', error_codes: [53003] })
    await control('fault', { path: '/token', kind: '503' })
    expect(await refresh(refresh_token)).toMatchObject({ status: 503, error: 'temporarily_unavailable' })
    expect((await refresh(refresh_token)).status).toBe(200)
  })
})

it('keeps grants, apps and consents over a restart', async () => {
  const state = mkdtempSync(path.join(os.tmpdir(), 'microsoft-simulator-'))
  const before = microsoft
  try {
    microsoft = await startMicrosoft({ state, redirectUris: [REDIRECT] })
    await control('apps', { clientId: 'another', name: 'Another', secrets: ['s'], redirectUris: [REDIRECT] })
    await control('admin-consent', { clientId: unconsented.clientId, directory: 'contoso.example' })
    const { refresh_token } = await connect()
    await microsoft.close()
    microsoft = await startMicrosoft({ state, redirectUris: [REDIRECT] })
    expect((await refresh(refresh_token)).status).toBe(200)
    expect(microsoft.world.apps.get('another')?.secrets).toEqual(['s'])
    expect(microsoft.world.apps.get(unconsented.clientId)?.adminConsents).toHaveProperty(directoryOf('contoso.example'))
    await microsoft.close()
  } finally {
    microsoft = before
    rmSync(state, { recursive: true, force: true })
  }
})

describe('the pages', () => {
  const text = async (to: string) => (await fetch(microsoft.url + to)).text()
  async function submit(to: string, fields: Record<string, string>) {
    const body = new URLSearchParams(fields)
    const response = await fetch(microsoft.url + to, { method: 'POST', body, redirect: 'manual' })
    return { status: response.status, location: response.headers.get('location') ?? '' }
  }

  it('show the accounts and what a profile is made of', async () => {
    const page = await text('/')
    for (const part of [SUPPORT, single.clientId, single.secrets[0] ?? '', 'contoso.example']) {
      expect(page).toContain(part)
    }
  })

  it('send a mail in, answer it as its owner in Outlook, and keep both in one conversation', async () => {
    const mail = { to: SUPPORT, from: 'Änn <ann@customer.example>', subject: 'Grüße <b>', text: 'Hello', thread: '' }
    const { status, location } = await submit('/mail/compose', mail)
    expect(status).toBe(303)
    for (const part of ['Grüße &lt;b&gt;', 'Änn', 'Hello', 'Inbox']) expect(await text(location)).toContain(part)
    const reply = { to: 'ann@customer.example', subject: 'Re: Grüße <b>', text: 'We look into it' }
    expect(await submit(location, reply)).toEqual({ status: 303, location })
    const shown = await text(location)
    for (const part of ['Hello', 'We look into it', 'Sent Items']) expect(shown).toContain(part)
  })
})
