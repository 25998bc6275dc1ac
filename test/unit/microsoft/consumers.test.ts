import { describe, expect, it } from 'vitest'
import { MICROSOFT_CONSUMERS } from '../../../worker/contract/microsoft'
import {
  adminConsentUrl,
  applicationIdUri,
  namesOf,
  registrationOf,
  visibleIn,
} from '../../../worker/features/microsoft/consumers'

const link = {
  loginUrl: 'https://login.example',
  graphUrl: 'https://graph.example/v1.0',
  redirectUri: 'https://desk.example/api/auth/microsoft/callback',
  clientId: 'client',
  directory: 'contoso.example',
  scopes: ['openid', 'offline_access', 'Mail.Read'],
  asRegistered: false,
  state: null,
}
const scopeOf = (url: string) => new URL(url).searchParams.get('scope')

it.each([
  ['community', ['msp_sso', 'email']],
  ['enterprise', ['msp_sso', 'email', 'calendar', 'teams']],
] as const)('%s shows %j and says what to register for each of them only', (edition, visible) => {
  for (const consumer of MICROSOFT_CONSUMERS) {
    const shown = (visible as readonly string[]).includes(consumer)
    const { redirectUris, scopes } = registrationOf(edition, consumer, 'https://desk.example')
    expect(visibleIn(edition, consumer)).toBe(shown)
    expect([redirectUris.length > 0, scopes.length > 0]).toEqual([shown, shown])
  }
})

describe('the admin consent link', () => {
  it('names permissions with the API they belong to, and those of OpenID Connect alone', () => {
    expect(scopeOf(adminConsentUrl(link))).toBe('openid offline_access https://graph.example/Mail.Read')
  })

  it('asks for what is registered where application permissions are needed', () => {
    expect(scopeOf(adminConsentUrl({ ...link, asRegistered: true }))).toBe('https://graph.example/.default')
  })

  it('asks organizations instead of common, and keeps any other directory', () => {
    const path = (directory: string) => new URL(adminConsentUrl({ ...link, directory })).pathname
    expect(path('common')).toBe('/organizations/v2.0/adminconsent')
    expect(path('organizations')).toBe('/organizations/v2.0/adminconsent')
    expect(path('contoso.example')).toBe('/contoso.example/v2.0/adminconsent')
    expect(path('a/../b')).toBe('/a%2F..%2Fb/v2.0/adminconsent')
  })

  it('carries a state only where there is one', () => {
    expect(new URL(adminConsentUrl(link)).searchParams.has('state')).toBe(false)
    expect(new URL(adminConsentUrl({ ...link, state: 's' })).searchParams.get('state')).toBe('s')
  })
})

it('gives the Application ID URI the host people use', () => {
  expect(applicationIdUri('https://desk.example:8443', 'client')).toBe('api://desk.example:8443/client')
})

it('names consumers in a sentence', () => {
  expect(namesOf(['email'])).toBe('email')
  expect(namesOf(['email', 'calendar'])).toBe('email and calendar')
  expect(namesOf(['msp_sso', 'email', 'teams'])).toBe('sign-in, email and Teams')
})
