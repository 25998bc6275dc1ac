import { env } from 'cloudflare:test'
import { beforeEach, describe, expect, it } from 'vitest'
import { settingsOf } from '../../../worker/env'
import { createKeyring } from '../../../worker/platform/crypto'
import { tenantDb } from '../../../worker/platform/db'
import { resolveEmailApp } from '../../../worker/platform/microsoft-app'
import { consentState, recordAdminConsent } from '../../../worker/platform/microsoft-consent'
import { rowsOf } from '../../support/records'
import { makeTenant, type TestTenant } from '../../support/session'
import { startTranscript } from '../../support/transcript'
import { bindTo, type Caller, caller, DEPLOYMENT_APP, makeProfile, PROFILE } from './lab'

let tenant: TestTenant
let call: Caller
beforeEach(async () => {
  tenant = await makeTenant()
  call = caller(tenant)
})

const settings = { ...settingsOf(env), ...DEPLOYMENT_APP }
const resolve = (from = settings) => resolveEmailApp(tenantDb(env.DB, tenant.tenantId), from)
const none = (state: string) => ({ kind: 'none', state })

describe('the app for mail', () => {
  it('is the bound profile, with its secret and its directory', async () => {
    const id = await makeProfile(call)
    await bindTo(call, 'email', id)
    expect(await resolve()).toEqual({
      kind: 'profile',
      profileId: id,
      clientId: PROFILE.clientId,
      clientSecret: PROFILE.clientSecret,
      directory: 'contoso.example',
      writesDrafts: false,
    })
  })

  it("is the deployment's own only where no profile is bound to email", async () => {
    const id = await makeProfile(call)
    await call('POST', `/microsoft/profiles/${id}/make-default`)
    await bindTo(call, 'msp_sso', id)
    expect(await resolve()).toEqual({
      kind: 'deployment',
      profileId: null,
      clientId: 'deployment-client',
      clientSecret: 'deployment-secret',
      directory: 'common',
      writesDrafts: false,
    })
    expect(await resolve({ ...settings, MICROSOFT_CLIENT_SECRET: '' })).toEqual(none('not_configured'))
  })

  it.each([
    ['archived', 'UPDATE microsoft_profiles SET archived_at = 1 WHERE id = ?', 'invalid_profile'],
    ['without a secret', 'UPDATE microsoft_profiles SET secret = NULL WHERE id = ?', 'invalid_profile'],
    ['gone', 'DELETE FROM microsoft_profiles WHERE id = ?', 'invalid_profile'],
    ['waiting for consent', 'UPDATE microsoft_profiles SET consent_required = 1 WHERE id = ?', 'pending_admin_consent'],
  ])('is none while the bound profile is %s: the deployment does not stand in', async (_name, sql, state) => {
    const id = await makeProfile(call)
    await bindTo(call, 'email', id)
    await env.DB.prepare(sql).bind(id).run()
    expect(await resolve()).toEqual(none(state))
  })

  it('is none where no key opens the secret, and says so in the log without it', async () => {
    const id = await makeProfile(call)
    await bindTo(call, 'email', id)
    const transcript = startTranscript()
    const keyring = createKeyring(`k2:${btoa('x'.repeat(32))}`)
    expect(await resolve({ ...settings, keyring })).toEqual(none('invalid_profile'))
    expect(transcript.leaked([id, PROFILE.clientSecret])).toEqual([id])
  })

  it("is never another tenant's, even where its row names one", async () => {
    const theirs = await makeProfile(caller(await makeTenant()))
    await env.DB.prepare(
      "INSERT INTO microsoft_bindings (tenant_id, consumer, profile_id, updated_at) VALUES (?, 'email', ?, 1)",
    )
      .bind(tenant.tenantId, theirs)
      .run()
    expect(await resolve()).toEqual(none('invalid_profile'))
  })

  it('is found without writing', async () => {
    await bindTo(call, 'email', await makeProfile(call))
    const before = await rowsOf(tenant.tenantId)
    await resolve()
    expect(await rowsOf(tenant.tenantId)).toEqual(before)
  })
})

describe("the administrator's word", () => {
  const DIRECTORY = 'aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb'
  const now = 1_800_000_000_000
  const record = (query: Record<string, string> | string, who = tenant) =>
    recordAdminConsent({ db: tenantDb(env.DB, who.tenantId), secret: env.AUTH_SECRET, now }, new URLSearchParams(query))

  /** A profile that waits for consent, and the state of the link shown for it. */
  async function waiting(change: Record<string, unknown> = {}) {
    const id = await makeProfile(call, { consent: { required: true }, directoryTenant: DIRECTORY, ...change })
    await bindTo(call, 'email', id)
    const response = await call('GET', '/microsoft/bindings')
    const { items } = (await response.json()) as { items: { consumer: string; adminConsentUrl: string | null }[] }
    const link = items.find(({ consumer }) => consumer === 'email')?.adminConsentUrl ?? ''
    return { id, state: new URL(link).searchParams.get('state') ?? '' }
  }

  it('makes the profile ready, at the time it was brought back', async () => {
    const { id, state } = await waiting()
    expect(await resolve()).toEqual(none('pending_admin_consent'))
    expect(await record({ admin_consent: 'True', tenant: DIRECTORY, state })).toBe('granted')
    expect(await resolve()).toMatchObject({ kind: 'profile', profileId: id })
    expect(await (await call('GET', `/microsoft/profiles/${id}`)).json()).toMatchObject({
      consent: { required: true, grantedAt: new Date(now).toISOString() },
    })
  })

  it.each([
    ['a refusal', { error: 'access_denied' }, 'denied'],
    ['a refusal beside an agreement', { admin_consent: 'True', tenant: DIRECTORY, error: 'access_denied' }, 'denied'],
    ['no word at all', { tenant: DIRECTORY }, 'denied'],
    ['another directory', { admin_consent: 'True', tenant: 'cccccccc-0000-1111-2222-dddddddddddd' }, 'other_directory'],
    ['no directory', { admin_consent: 'True' }, 'other_directory'],
  ])('changes nothing when it is %s', async (_name, query, result) => {
    const { state } = await waiting()
    expect(await record({ state, ...query } as Record<string, string>)).toBe(result)
    expect(await resolve()).toEqual(none('pending_admin_consent'))
  })

  it('is not taken for an altered, foreign, doubled or outdated link', async () => {
    const { id, state } = await waiting()
    const agreed = { admin_consent: 'True', tenant: DIRECTORY }
    const last = state.endsWith('A') ? 'B' : 'A'
    expect(await record({ ...agreed, state: state.slice(0, -1) + last })).toBe('unknown')
    expect(await record({ ...agreed, state }, await makeTenant())).toBe('unknown')
    expect(await record(`admin_consent=True&tenant=${DIRECTORY}&state=${state}&state=${state}`)).toBe('unknown')
    const forged = await consentState('another-secret-another-secret-0001', tenant.tenantId, {
      id,
      clientId: PROFILE.clientId,
      directoryTenant: DIRECTORY,
    })
    expect(await record({ ...agreed, state: forged })).toBe('unknown')
    await call('PATCH', `/microsoft/profiles/${id}`, { json: { clientId: 'another-client' } })
    expect(await record({ ...agreed, state })).toBe('unknown')
    expect(await resolve()).toEqual(none('pending_admin_consent'))
  })
})
