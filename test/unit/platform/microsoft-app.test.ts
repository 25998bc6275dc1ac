import { describe, expect, it } from 'vitest'
import { deploymentApp, profileState } from '../../../worker/platform/microsoft-app'
import { isAdminConsent } from '../../../worker/platform/microsoft-consent'

const good = { secret: 'v1.k1.a.b', archivedAt: null, consentRequired: false, consentGrantedAt: null }

describe('the state of a bound profile', () => {
  it.each([
    ['complete', good, 'ready'],
    ['consented', { ...good, consentRequired: true, consentGrantedAt: 1 }, 'ready'],
    ['waiting for consent', { ...good, consentRequired: true }, 'pending_admin_consent'],
    ['consent that nobody asked for', { ...good, consentGrantedAt: 1 }, 'ready'],
    ['gone', null, 'invalid_profile'],
    ['archived', { ...good, archivedAt: 0 }, 'invalid_profile'],
    ['without a secret', { ...good, secret: null }, 'invalid_profile'],
    ['archived and waiting', { ...good, archivedAt: 1, consentRequired: true }, 'invalid_profile'],
  ])('%s', (_name, profile, state) => {
    expect(profileState(profile)).toBe(state)
  })
})

it('a deployment has an app of its own only with id and secret', () => {
  expect(deploymentApp({})).toBeNull()
  expect(deploymentApp({ MICROSOFT_CLIENT_ID: 'id' })).toBeNull()
  expect(deploymentApp({ MICROSOFT_CLIENT_SECRET: 'secret' })).toBeNull()
  expect(deploymentApp({ MICROSOFT_CLIENT_ID: 'id', MICROSOFT_CLIENT_SECRET: 'secret' })).toMatchObject({
    clientId: 'id',
    directory: 'common',
  })
})

it('tells the answer of the consent page from the answer of a sign-in', () => {
  const callback = (query: string) => isAdminConsent(new URLSearchParams(query))
  expect(callback('admin_consent=True&tenant=t&state=consent.msp_1.x')).toBe(true)
  expect(callback('error=access_denied&state=consent.msp_1.x')).toBe(true)
  expect(callback('code=c&state=abc.def')).toBe(false)
  expect(callback('')).toBe(false)
})
