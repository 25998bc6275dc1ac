import { env } from 'cloudflare:test'
import { beforeEach, describe, expect, it } from 'vitest'
import type { BindingAnswer } from '../../../worker/contract/microsoft'
import { rowsOf } from '../../support/records'
import { makeTenant, ORIGIN, type TestTenant } from '../../support/session'
import { givenMicrosoftInbox } from '../sync/microsoft-rows'
import { bindTo, type Caller, caller, DEPLOYMENT_APP, makeProfile, PROFILE } from './lab'

let tenant: TestTenant
let call: Caller
beforeEach(async () => {
  tenant = await makeTenant()
  call = caller(tenant)
})

const list = async (from = call) =>
  ((await (await from('GET', '/microsoft/bindings')).json()) as { items: BindingAnswer[] }).items
const one = async (consumer: string, from = call) => {
  const found = (await list(from)).find((item) => item.consumer === consumer)
  if (!found) throw new Error(`no ${consumer}`)
  return found
}
const column = (id: string, assignment: string) =>
  env.DB.prepare(`UPDATE microsoft_profiles SET ${assignment} WHERE id = ?`).bind(id).run()

describe('consumer by edition', () => {
  it('the enterprise edition shows and binds all four', async () => {
    const id = await makeProfile(call)
    for (const { consumer, visible } of await list()) {
      expect(visible).toBe(true)
      const response = await bindTo(call, consumer, id)
      expect(response.status).toBe(200)
      expect(await response.json()).toMatchObject({ consumer, state: 'ready', profileId: id })
    }
    expect(await (await call('GET', `/microsoft/profiles/${id}`)).json()).toMatchObject({
      boundConsumers: ['msp_sso', 'email', 'calendar', 'teams'],
    })
  })

  it('the community edition has sign-in and email, and refuses the others without a change', async () => {
    const community = caller(tenant, { edition: 'community' })
    const id = await makeProfile(community)
    expect((await list(community)).filter(({ visible }) => visible).map(({ consumer }) => consumer)).toEqual([
      'msp_sso',
      'email',
    ])
    const before = await rowsOf(tenant.tenantId)
    for (const consumer of ['calendar', 'teams']) {
      for (const refused of [
        await bindTo(community, consumer, id),
        await community('DELETE', `/microsoft/bindings/${consumer}`),
      ]) {
        expect(refused.status).toBe(403)
        expect(await refused.json()).toMatchObject({ code: 'consumer_not_available' })
      }
      expect(await one(consumer, community)).toMatchObject({
        visible: false,
        state: 'not_configured',
        redirectUris: [],
        scopes: [],
        adminConsentUrl: null,
      })
    }
    expect(await rowsOf(tenant.tenantId)).toEqual(before)
    expect((await bindTo(community, 'msp_sso', id)).status).toBe(200)
    expect((await bindTo(community, 'email', id)).status).toBe(200)
  })

  it('knows no other consumer', async () => {
    const id = await makeProfile(call)
    expect((await bindTo(call, 'storage', id)).status).toBe(404)
    expect((await call('DELETE', '/microsoft/bindings/toString')).status).toBe(404)
  })
})

describe('a binding', () => {
  it('is replaced by the next and taken away, once or twice', async () => {
    const [first, second] = [await makeProfile(call), await makeProfile(call, { displayName: 'Second' })]
    for (const id of [first, second, second]) expect((await bindTo(call, 'email', id)).status).toBe(200)
    expect(await one('email')).toMatchObject({ profileId: second })
    for (let i = 0; i < 2; i++) expect((await call('DELETE', '/microsoft/bindings/email')).status).toBe(204)
    expect(await one('email')).toMatchObject({ profileId: null, state: 'not_configured' })
  })

  it("never holds, shows or takes away another tenant's", async () => {
    const strangers = await makeTenant()
    const theirs = caller(strangers)
    const id = await makeProfile(theirs)
    await bindTo(theirs, 'email', id)
    const before = await rowsOf(strangers.tenantId)
    const refused = await bindTo(call, 'email', id)
    expect(refused.status).toBe(404)
    expect((await call('DELETE', '/microsoft/bindings/email')).status).toBe(204)
    expect(await one('email')).toMatchObject({ profileId: null })
    expect(await (await call('GET', '/microsoft/profiles')).json()).toEqual({ items: [], nextCursor: null })
    expect(await rowsOf(strangers.tenantId)).toEqual(before)
    expect(await rowsOf(tenant.tenantId)).toMatchObject({ microsoft_bindings: [] })
  })

  it('is for admins and owners to see and to change', async () => {
    const id = await makeProfile(call)
    for (const [method, path] of [
      ['GET', '/microsoft/bindings'],
      ['PUT', '/microsoft/bindings/email'],
      ['DELETE', '/microsoft/bindings/email'],
      ['GET', '/microsoft/profiles'],
    ] as const) {
      const json = method === 'PUT' ? { profileId: id } : undefined
      expect((await call(method, path, { role: 'agent', json })).status).toBe(403)
      expect((await call(method, path, { role: 'owner', json })).status).toBeLessThan(300)
    }
  })
})

describe('the state', () => {
  it.each([
    ['archived', 'archived_at = 1', 'invalid_profile'],
    ['without a secret', 'secret = NULL', 'invalid_profile'],
    ['without the consent it needs', 'consent_required = 1', 'pending_admin_consent'],
    ['with the consent it needs', 'consent_required = 1, consent_granted_at = 1', 'ready'],
  ])('of a profile %s', async (_name, assignment, state) => {
    const id = await makeProfile(call)
    await bindTo(call, 'email', id)
    await column(id, assignment)
    // No other app stands in, whatever else there is.
    const withApp = caller(tenant, { settings: DEPLOYMENT_APP })
    await call('POST', `/microsoft/profiles/${await makeProfile(call, { displayName: 'Other' })}/make-default`)
    expect(await one('email', withApp)).toMatchObject({ state, profileId: id })
  })

  it('of a profile that is gone is invalid, and offers nothing to agree to', async () => {
    const id = await makeProfile(call)
    await bindTo(call, 'email', id)
    await env.DB.prepare('DELETE FROM microsoft_profiles WHERE id = ?').bind(id).run()
    expect(await one('email', caller(tenant, { settings: DEPLOYMENT_APP }))).toMatchObject({
      state: 'invalid_profile',
      profileId: id,
      adminConsentUrl: null,
    })
  })

  it('of email served by the app of the deployment is ready without a profile; nothing else is served by it', async () => {
    const withApp = caller(tenant, { settings: DEPLOYMENT_APP })
    expect((await list(withApp)).map(({ consumer, state, profileId }) => [consumer, state, profileId])).toEqual([
      ['msp_sso', 'not_configured', null],
      ['email', 'ready', null],
      ['calendar', 'not_configured', null],
      ['teams', 'not_configured', null],
    ])
    const half = caller(tenant, { settings: { MICROSOFT_CLIENT_ID: 'deployment-client' } })
    expect(await one('email', half)).toMatchObject({ state: 'not_configured' })
  })

  it('reading it writes nothing', async () => {
    const id = await makeProfile(call, { consent: { required: true } })
    for (const consumer of ['email', 'teams']) await bindTo(call, consumer, id)
    const before = await rowsOf(tenant.tenantId)
    await list()
    await list(caller(tenant, { edition: 'community', settings: DEPLOYMENT_APP }))
    await call('GET', '/microsoft/profiles')
    await call('GET', `/microsoft/profiles/${id}`)
    expect(await rowsOf(tenant.tenantId)).toEqual(before)
  })
})

describe('what to register', () => {
  it('names the permissions to write mail as optional, until a profile or an inbox asks for them', async () => {
    const reading = {
      scopes: expect.arrayContaining(['Mail.Read']),
      applicationPermissions: ['Mail.Read', 'Mail.Send'],
    }
    const optionalScopes = ['Mail.ReadWrite', 'Mail.ReadWrite.Shared']
    const writing = {
      scopes: [
        'offline_access',
        'User.Read',
        'Mail.ReadWrite',
        'Mail.Send',
        'Mail.ReadWrite.Shared',
        'Mail.Send.Shared',
      ],
      applicationPermissions: ['Mail.ReadWrite', 'Mail.Send'],
      optionalScopes: [],
      adminConsentUrl: expect.stringContaining('Mail.ReadWrite'),
    }
    const id = await makeProfile(call)
    await bindTo(call, 'email', id)
    expect(await one('email')).toMatchObject({ ...reading, optionalScopes })
    expect(await one('msp_sso')).toMatchObject({ optionalScopes: [] })
    const inbox = await givenMicrosoftInbox({ tenantId: tenant.tenantId, profile: null })
    const choose = (action: string) =>
      call('PATCH', `/inboxes/${inbox.inboxId}`, { json: { markProcessed: { action } } }).then(({ status }) => status)
    expect(await choose('read')).toBe(200)
    expect(await one('email')).toMatchObject(writing)
    expect(await choose('none')).toBe(200)
    expect(await one('email')).toMatchObject({ ...reading, optionalScopes })
    await column(id, `capabilities = '["large_replies"]'`)
    expect(await one('email')).toMatchObject(writing)
  })

  it('names redirect URIs and scopes of every visible consumer, bound or not', async () => {
    const shown = Object.fromEntries((await list()).map((item) => [item.consumer, item]))
    expect(shown.email).toMatchObject({
      redirectUris: [`${ORIGIN}/api/auth/microsoft/callback`],
      scopes: ['offline_access', 'User.Read', 'Mail.Read', 'Mail.Send', 'Mail.Read.Shared', 'Mail.Send.Shared'],
      applicationPermissions: ['Mail.Read', 'Mail.Send'],
      adminConsentUrl: null,
    })
    expect(shown.calendar?.redirectUris).toEqual([`${ORIGIN}/api/auth/microsoft/calendar/callback`])
    for (const item of Object.values(shown)) expect(item.scopes).toContain('User.Read')
    expect(shown.teams).toMatchObject({ applicationIdUri: null })
    expect(shown.email).not.toHaveProperty('applicationIdUri')
  })

  it('links to the consent page of the directory of the bound profile', async () => {
    await bindTo(call, 'email', await makeProfile(call))
    const url = new URL((await one('email')).adminConsentUrl ?? '')
    expect(`${url.origin}${url.pathname}`).toBe('https://login.microsoftonline.com/contoso.example/v2.0/adminconsent')
    expect(Object.fromEntries(url.searchParams)).toEqual({
      client_id: PROFILE.clientId,
      redirect_uri: `${ORIGIN}/api/auth/microsoft/callback`,
      scope:
        'offline_access https://graph.microsoft.com/User.Read https://graph.microsoft.com/Mail.Read https://graph.microsoft.com/Mail.Send https://graph.microsoft.com/Mail.Read.Shared https://graph.microsoft.com/Mail.Send.Shared',
      state: expect.stringMatching(/^consent\.msp_/),
    })
  })

  it('asks for everything registered where the app shall open mailboxes on its own', async () => {
    await bindTo(call, 'email', await makeProfile(call, { capabilities: ['app_only_mail'] }))
    const url = new URL((await one('email')).adminConsentUrl ?? '')
    expect(url.searchParams.get('scope')).toBe('https://graph.microsoft.com/.default')
  })

  it('asks administrators of any directory for the app of the deployment, never personal accounts', async () => {
    const url = new URL((await one('email', caller(tenant, { settings: DEPLOYMENT_APP }))).adminConsentUrl ?? '')
    expect(url.pathname).toBe('/organizations/v2.0/adminconsent')
    expect(url.searchParams.get('client_id')).toBe('deployment-client')
    expect(url.href).not.toContain(DEPLOYMENT_APP.MICROSOFT_CLIENT_SECRET)
  })

  it('gives Teams its Application ID URI once the app is known', async () => {
    await bindTo(call, 'teams', await makeProfile(call))
    expect(await one('teams')).toMatchObject({ applicationIdUri: `api://postroom.test/${PROFILE.clientId}` })
  })
})
