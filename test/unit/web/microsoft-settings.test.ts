// The Microsoft settings in words, and what their form asks of the API.
import { describe, expect, it } from 'vitest'
import { leftInboxes, reconnectWords } from '../../../web/features/microsoft/left-inboxes'
import {
  bindingText,
  capabilityLabel,
  consumerList,
  lackedConsumers,
  shownBindings,
  usersOf,
} from '../../../web/features/microsoft/microsoft-words'
import { isOtherApp, profileInput, profileRules, profileValues } from '../../../web/features/microsoft/profile-form'
import { ApiError } from '../../../web/lib/http'
import { BINDING_STATES, type BindingAnswer, type ProfileAnswer } from '../../../worker/contract/microsoft'

const profile: ProfileAnswer = {
  id: 'msp_1',
  displayName: 'Contoso',
  clientId: 'client-1',
  directoryTenant: 'contoso.example',
  hasSecret: true,
  isDefault: false,
  archivedAt: null,
  capabilities: ['mail'],
  consent: { required: true, grantedAt: '2026-11-20T12:00:00.000Z' },
  boundConsumers: ['email'],
}

describe('a binding', () => {
  it('says of every state what it means', () => {
    for (const state of BINDING_STATES)
      expect(bindingText({ consumer: 'email', state, profileId: 'msp_1' }, profile), state).toBeTruthy()
  })

  it("says whose app serves it: a profile, or the server's own", () => {
    expect(bindingText({ consumer: 'email', state: 'ready', profileId: 'msp_1' }, profile)).toContain('Contoso')
    expect(bindingText({ consumer: 'email', state: 'ready', profileId: null }, undefined)).toContain("server's own")
  })

  it('says what is wrong with a profile that cannot serve, and that nothing stands in for it', () => {
    const broken = { consumer: 'email', state: 'invalid_profile', profileId: 'msp_1' } as const
    expect(bindingText(broken, undefined)).toContain('no longer exists')
    expect(bindingText(broken, { ...profile, archivedAt: '2026-11-20T12:00:00.000Z' })).toContain('archived')
    expect(bindingText(broken, { ...profile, hasSecret: false })).toContain('no client secret')
    expect(bindingText(broken, profile)).toContain('cannot be used')
    for (const found of [undefined, profile]) expect(bindingText(broken, found)).toContain('Nothing stands in')
  })
})

it('shows what the edition has, email first', () => {
  const binding = (consumer: BindingAnswer['consumer'], visible: boolean): BindingAnswer => ({
    consumer,
    visible,
    state: 'not_configured',
    profileId: null,
    redirectUris: [],
    scopes: [],
    optionalScopes: [],
    applicationPermissions: [],
    adminConsentUrl: null,
  })
  const shown = shownBindings([binding('msp_sso', true), binding('email', true), binding('calendar', false)])
  expect(shown.map(({ consumer }) => consumer)).toEqual(['email', 'msp_sso'])
  expect(lackedConsumers([binding('email', true), binding('calendar', false)])).toEqual(['calendar'])
})

describe('a refused archive or delete', () => {
  const refusal = (problem: Record<string, unknown>) => new ApiError(409, problem)

  it('names who uses the profile', () => {
    const users = usersOf(refusal({ code: 'profile_in_use', consumers: ['email', 'calendar', 7] }))
    expect(users).toEqual(['email', 'calendar'])
    expect(consumerList(users ?? [])).toBe('Email and Calendar')
    expect(consumerList(['email', 'constructor'])).toBe('Email and constructor')
  })

  it('is told apart from other trouble', () => {
    expect(usersOf(refusal({ code: 'conflict' }))).toBeNull()
    expect(usersOf(new Error('offline'))).toBeNull()
  })
})

describe('the profile form', () => {
  it('never holds the stored secret, and sends a blank one to keep it', () => {
    const values = profileValues(profile)
    expect(values.clientSecret).toBe('')
    expect(profileInput(values, profile).clientSecret).toBe('')
  })

  it('asks for a secret where none is stored', () => {
    expect(profileRules(profile).clientSecret('')).toBeNull()
    expect(profileRules({ ...profile, hasSecret: false }).clientSecret(' ')).toContain('missing')
    expect(profileRules(null).clientSecret('')).toContain('missing')
  })

  it('claims consent only where somebody says so, not for another app by leaving the box as it was', () => {
    const moved = { ...profileValues(profile), clientId: 'client-2' }
    expect(profileInput(moved, profile).consent).toEqual({ required: true })
    expect(profileInput({ ...moved, consentGranted: false }, profile).consent).toEqual({
      required: true,
      granted: false,
    })
    const fresh = { ...profileValues(null), consentRequired: true, consentGranted: true }
    expect(profileInput(fresh, null).consent).toEqual({ required: true, granted: true })
  })

  it('knows a stored profile that is to become another app', () => {
    expect(isOtherApp({ ...profileValues(profile), clientId: 'client-2' }, profile)).toBe(true)
    expect(isOtherApp({ ...profileValues(profile), clientId: ' client-1 ' }, profile)).toBe(false)
    expect(isOtherApp(profileValues(null), null)).toBe(false)
  })
})

describe('inboxes that another app for email would leave', () => {
  const inbox = (name: string, grant: { profileId: string | null; clientId: string } | null, status = 'connected') =>
    ({
      name,
      connectionType: 'microsoft',
      status,
      pauseReason: null,
      connection: grant && { microsoft: grant },
    }) as Parameters<typeof leftInboxes>[0][number]
  const served = { profileId: 'msp_1', clientId: 'client-1' }
  const inboxes = [
    inbox('Support', served),
    inbox('Ended', served, 'disconnected'),
    inbox('Older app', { ...served, clientId: 'client-0' }),
    inbox('By the server', { profileId: null, clientId: 'deployment' }),
    inbox('Never connected', null),
  ]

  it('are named, and those that ask already are not', () => {
    expect(leftInboxes(inboxes, served, null)).toEqual(['Support'])
    expect(leftInboxes(inboxes, served, { ...served, clientId: 'client-2' })).toEqual(['Support'])
    expect(leftInboxes(inboxes, served, served)).toEqual([])
    expect(leftInboxes(inboxes, null, served)).toEqual([])
  })

  it('are those of the server as well, once a profile takes over', () => {
    expect(leftInboxes(inboxes, { profileId: null }, served)).toEqual(['By the server'])
    expect(leftInboxes(inboxes, { profileId: null }, { profileId: null })).toEqual([])
  })

  it('are counted where they are many', () => {
    expect(reconnectWords(['A'])).toBe('The inbox A will ask to be connected again.')
    expect(reconnectWords(['A', 'B'])).toBe('The inboxes A and B will ask to be connected again.')
    expect(reconnectWords(['A', 'B', 'C', 'D', 'E', 'F', 'G'])).toBe(
      'The inboxes A, B, C, D, E and 2 more will ask to be connected again.',
    )
  })
})

it('shows a capability that it does not know by its own name', () => {
  expect(capabilityLabel('shared_mailboxes')).toBe('Shared mailboxes')
  expect(capabilityLabel('toString')).toBe('toString')
})
