import { env } from 'cloudflare:test'
import { beforeEach, describe, expect, it } from 'vitest'
import type { BindingAnswer } from '../../../worker/contract/microsoft'
import { settingsOf } from '../../../worker/env'
import { createKeyring } from '../../../worker/platform/crypto'
import { clientSecretField } from '../../../worker/platform/microsoft-app'
import { rowsOf } from '../../support/records'
import { makeTenant, type TestTenant } from '../../support/session'
import { startTranscript } from '../../support/transcript'
import { bindTo, type Caller, caller, makeProfile, PROFILE } from './lab'

let tenant: TestTenant
let call: Caller
beforeEach(async () => {
  tenant = await makeTenant()
  call = caller(tenant)
})

const row = (id: string) =>
  env.DB.prepare('SELECT * FROM microsoft_profiles WHERE id = ?').bind(id).first<Record<string, unknown>>()
async function secretOf(id: string): Promise<string> {
  const sealed = (await row(id))?.secret
  return settingsOf(env).keyring.decrypt(String(sealed), clientSecretField(tenant.tenantId, id))
}
const patch = (id: string, json: unknown) => call('PATCH', `/microsoft/profiles/${id}`, { json })

describe('a profile', () => {
  it('is made with a sealed secret that no answer holds', async () => {
    const response = await call('POST', '/microsoft/profiles', {
      json: { ...PROFILE, capabilities: ['mail', 'mail', 'shared_mailboxes'], consent: { required: true } },
    })
    expect(response.status).toBe(201)
    const answer = (await response.json()) as { id: string }
    expect(answer).toEqual({
      id: expect.stringMatching(/^msp_/),
      displayName: 'Contoso',
      clientId: PROFILE.clientId,
      directoryTenant: 'contoso.example',
      hasSecret: true,
      isDefault: false,
      archivedAt: null,
      capabilities: ['mail', 'shared_mailboxes'],
      consent: { required: true, grantedAt: null },
      boundConsumers: [],
    })
    expect(String((await row(answer.id))?.secret)).toMatch(/^v1\.k1\./)
    expect(await secretOf(answer.id)).toBe(PROFILE.clientSecret)
    expect(await (await call('GET', `/microsoft/profiles/${answer.id}`)).json()).toEqual(answer)
    expect(await (await call('GET', '/microsoft/profiles')).json()).toEqual({ items: [answer], nextCursor: null })
  })

  it('has a name of its own in the tenant, in any case of letters, and others may use it in theirs', async () => {
    await makeProfile(call)
    for (const displayName of ['Contoso', 'CONTOSO', ' contoso ']) {
      const again = await call('POST', '/microsoft/profiles', { json: { ...PROFILE, displayName } })
      expect(again.status).toBe(409)
      expect(await again.json()).toMatchObject({ code: 'conflict', detail: expect.stringContaining('Choose another') })
    }
    const other = await makeProfile(call, { displayName: 'Fabrikam' })
    expect((await patch(other, { displayName: 'contoso' })).status).toBe(409)
    expect((await patch(other, { displayName: 'FABRIKAM' })).status).toBe(200)
    await makeProfile(caller(await makeTenant()))
  })

  it('made twice at the same moment under one name exists once', async () => {
    const made = await Promise.all([1, 2, 3].map(() => call('POST', '/microsoft/profiles', { json: PROFILE })))
    expect(made.map(({ status }) => status).sort()).toEqual([201, 409, 409])
  })

  it.each([
    ['a path as directory', { directoryTenant: 'contoso.example/../common' }],
    ['a host as directory', { directoryTenant: 'evil.test:443' }],
    ['an encoded slash as directory', { directoryTenant: 'a%2f.example' }],
    ['consumers, which is no directory for work accounts', { directoryTenant: 'consumers' }],
    ['no secret', { clientSecret: '' }],
    ['a secret of blanks', { clientSecret: '   ' }],
    ['a client id with spaces', { clientId: 'two words' }],
    ['a blank name', { displayName: ' ' }],
    ['an unknown capability', { capabilities: ['everything'] }],
  ])('is refused with %s', async (_name, change) => {
    const response = await call('POST', '/microsoft/profiles', { json: { ...PROFILE, ...change } })
    expect(response.status).toBe(422)
    expect(await response.text()).not.toContain(PROFILE.clientSecret)
  })

  it.each([
    ['common', 'common'],
    ['organizations', 'Organizations'],
    ['aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb', 'AAAAAAAA-0000-1111-2222-BBBBBBBBBBBB'],
    ['contoso.onmicrosoft.com', 'contoso.onmicrosoft.com'],
  ])('takes the directory %s', async (stored, directoryTenant) => {
    expect((await row(await makeProfile(call, { directoryTenant })))?.directory_tenant).toBe(stored)
  })
})

describe('editing a profile', () => {
  it.each([
    ['left out', {}],
    ['blank', { clientSecret: '' }],
    ['of blanks', { clientSecret: '  ' }],
  ])('keeps the stored secret when it is %s', async (_name, change) => {
    const id = await makeProfile(call)
    const before = await row(id)
    const response = await patch(id, { displayName: 'Renamed', ...change })
    expect(await response.json()).toMatchObject({ displayName: 'Renamed', hasSecret: true })
    expect((await row(id))?.secret).toBe(before?.secret)
  })

  it('replaces the secret when one is typed, and changes nothing else', async () => {
    const id = await makeProfile(call, { capabilities: ['mail'] })
    const before = await row(id)
    await patch(id, { clientSecret: 'another-secret-0002' })
    expect(await secretOf(id)).toBe('another-secret-0002')
    expect(await row(id)).toEqual({ ...before, secret: expect.anything(), updated_at: expect.anything() })
  })

  it('seals the kept secret with the newest key, so that the old one can go', async () => {
    const id = await makeProfile(call)
    const newer = `k2:${btoa('2'.repeat(32))}`
    const rotated = caller(tenant, { settings: { ENCRYPTION_KEYS: `${newer},${env.ENCRYPTION_KEYS}` } })
    await rotated('PATCH', `/microsoft/profiles/${id}`, { json: { clientSecret: '' } })
    const sealed = String((await row(id))?.secret)
    expect(await createKeyring(newer).decrypt(sealed, clientSecretField(tenant.tenantId, id))).toBe(
      PROFILE.clientSecret,
    )
    // A ring that does not open it leaves it for one that does.
    const lost = caller(tenant, { settings: { ENCRYPTION_KEYS: `k3:${btoa('3'.repeat(32))}` } })
    const kept = await lost('PATCH', `/microsoft/profiles/${id}`, { json: { displayName: 'Kept' } })
    expect([kept.status, (await row(id))?.secret]).toEqual([200, sealed])
  })

  it('notes consent, keeps its time, and takes it back when client or directory change', async () => {
    const consentOf = async (response: Response) => ((await response.json()) as { consent: unknown }).consent
    const id = await makeProfile(call, { consent: { required: true } })
    const granted = await consentOf(await patch(id, { consent: { granted: true } }))
    expect(granted).toEqual({ required: true, grantedAt: expect.any(String) })
    expect(await consentOf(await patch(id, { consent: { granted: true } }))).toEqual(granted)
    expect(await consentOf(await patch(id, { displayName: 'Renamed', clientId: PROFILE.clientId }))).toEqual(granted)
    const none = { required: true, grantedAt: null }
    for (const change of [{ clientId: 'other' }, { directoryTenant: 'fabrikam.example' }]) {
      expect(await consentOf(await patch(id, { ...change, consent: { granted: true } }))).toEqual(none)
      expect(await consentOf(await patch(id, { consent: { granted: true } }))).not.toEqual(none)
    }
    expect(await consentOf(await patch(id, { consent: { granted: false } }))).toEqual(none)
  })
})

describe('the default', () => {
  it('is a label of one profile, and serves nothing by itself', async () => {
    const [first, second] = [await makeProfile(call), await makeProfile(call, { displayName: 'Second' })]
    for (const id of [first, second]) {
      const response = await call('POST', `/microsoft/profiles/${id}/make-default`)
      expect(await response.json()).toMatchObject({ id, isDefault: true, boundConsumers: [] })
    }
    const { items } = (await (await call('GET', '/microsoft/profiles')).json()) as { items: { isDefault: boolean }[] }
    expect(items.map(({ isDefault }) => isDefault)).toEqual([false, true])
    const bindings = (await (await call('GET', '/microsoft/bindings')).json()) as { items: { state: string }[] }
    expect(bindings.items.map(({ state }) => state)).toEqual(Array(4).fill('not_configured'))
  })

  it('is never an archived profile', async () => {
    const id = await makeProfile(call)
    await call('POST', `/microsoft/profiles/${id}/make-default`)
    const archived = await call('POST', `/microsoft/profiles/${id}/archive`)
    expect(await archived.json()).toMatchObject({ isDefault: false, archivedAt: expect.any(String) })
    expect((await call('POST', `/microsoft/profiles/${id}/make-default`)).status).toBe(409)
  })
})

describe('archiving and deleting', () => {
  it('are refused while bound, naming the consumers, and change nothing', async () => {
    const id = await makeProfile(call)
    for (const consumer of ['teams', 'email', 'msp_sso']) await bindTo(call, consumer, id)
    const before = await rowsOf(tenant.tenantId)
    for (const [method, path] of [
      ['POST', `/microsoft/profiles/${id}/archive`],
      ['DELETE', `/microsoft/profiles/${id}`],
    ] as const) {
      const response = await call(method, path)
      expect(response.status).toBe(409)
      expect(await response.json()).toMatchObject({
        code: 'profile_in_use',
        consumers: ['msp_sso', 'email', 'teams'],
        detail: 'This profile serves sign-in, email and Teams. Choose another profile there first.',
      })
    }
    expect(await rowsOf(tenant.tenantId)).toEqual(before)
  })

  it('delete erases the secret and frees the name', async () => {
    const id = await makeProfile(call)
    const sealed = String((await row(id))?.secret)
    await bindTo(call, 'email', id)
    await call('DELETE', '/microsoft/bindings/email')
    expect((await call('DELETE', `/microsoft/profiles/${id}`)).status).toBe(204)
    expect((await call('GET', `/microsoft/profiles/${id}`)).status).toBe(404)
    expect(JSON.stringify(await rowsOf(tenant.tenantId))).not.toContain(sealed)
    await makeProfile(call)
  })

  it('in an edition that lacks what a profile is bound to, deleting may take those bindings along and no others', async () => {
    const community = caller(tenant, { edition: 'community' })
    const id = await makeProfile(call)
    const other = await makeProfile(call, { displayName: 'Other' })
    for (const consumer of ['email', 'calendar']) await bindTo(call, consumer, id)
    await bindTo(call, 'teams', other)
    const before = await rowsOf(tenant.tenantId)
    const withHidden = `/microsoft/profiles/${id}?unbindHidden=true`
    for (const [from, path, consumers] of [
      [community, withHidden, ['email', 'calendar']],
      [call, withHidden, ['email', 'calendar']],
      [community, `/microsoft/profiles/${id}`, ['email', 'calendar']],
    ] as const) {
      const refused = await from('DELETE', path)
      expect(refused.status).toBe(409)
      expect(await refused.json()).toMatchObject({ code: 'profile_in_use', consumers })
    }
    expect(await rowsOf(tenant.tenantId)).toEqual(before)
    await community('DELETE', '/microsoft/bindings/email')
    expect((await community('DELETE', `/microsoft/profiles/${id}`)).status).toBe(409)
    expect((await call('DELETE', withHidden)).status).toBe(409)
    expect((await community('DELETE', withHidden)).status).toBe(204)
    const bindings = (await (await call('GET', '/microsoft/bindings')).json()) as { items: BindingAnswer[] }
    expect(bindings.items.map(({ state, profileId }) => [state, profileId])).toEqual([
      ['not_configured', null],
      ['not_configured', null],
      ['not_configured', null],
      ['ready', other],
    ])
  })

  it('an archived profile keeps its secret, serves nothing, and comes back', async () => {
    const id = await makeProfile(call)
    await call('POST', `/microsoft/profiles/${id}/archive`)
    const refused = await bindTo(call, 'email', id)
    expect(refused.status).toBe(422)
    expect(await refused.json()).toMatchObject({ errors: [{ path: 'profileId' }] })
    const back = await call('POST', `/microsoft/profiles/${id}/restore`)
    expect(await back.json()).toMatchObject({ archivedAt: null, hasSecret: true })
    expect((await bindTo(call, 'email', id)).status).toBe(200)
  })

  it('racing with a bind never leaves a binding without its profile', async () => {
    for (let round = 0; round < 5; round++) {
      const id = await makeProfile(call, { displayName: `Race ${round}` })
      const [bound, deleted] = await Promise.all([
        bindTo(call, 'email', id),
        call('DELETE', `/microsoft/profiles/${id}`),
      ])
      expect(`${bound.status} ${deleted.status}`).toMatch(/^(200 409|404 204)$/)
      await call('DELETE', '/microsoft/bindings/email')
    }
  })
})

it('says the secret in no answer and no log line', async () => {
  const transcript = startTranscript()
  const secret = 'a-secret-to-look-for-0003'
  const id = await makeProfile(call, { clientSecret: secret })
  const sealed: string[] = []
  for (const [method, path, json] of [
    ['GET', '/microsoft/profiles', undefined],
    ['GET', `/microsoft/profiles/${id}`, undefined],
    ['PATCH', `/microsoft/profiles/${id}`, { clientSecret: `${secret}-next` }],
    ['PATCH', `/microsoft/profiles/${id}`, { clientSecret: secret, clientId: 7 }],
    ['POST', '/microsoft/profiles', { ...PROFILE, clientSecret: secret }],
    ['PUT', '/microsoft/bindings/email', { profileId: id }],
    ['GET', '/microsoft/bindings', undefined],
    ['DELETE', `/microsoft/profiles/${id}`, undefined],
  ] as const) {
    sealed.push(String((await row(id))?.secret))
    await transcript.keep(await call(method, path, { json }))
  }
  expect(transcript.leaked([secret, ...sealed])).toEqual([])
  // The search itself can find something.
  expect(transcript.leaked([PROFILE.clientId])).toEqual([PROFILE.clientId])
})
