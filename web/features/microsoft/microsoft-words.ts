// Microsoft profiles and bindings in words. Pure.
import type {
  BindingAnswer,
  BindingState,
  MicrosoftConsumer,
  PROFILE_CAPABILITIES,
  ProfileAnswer,
} from '../../../worker/contract/microsoft'
import type { Tone } from '../../components/tone'
import { ApiError } from '../../lib/http'

export const CONSUMER_LABEL: Record<MicrosoftConsumer, string> = {
  email: 'Email',
  msp_sso: 'Sign-in',
  calendar: 'Calendar',
  teams: 'Teams',
}
export const CONSUMER_MEANING: Record<MicrosoftConsumer, string> = {
  email: 'Inboxes that are connected with Microsoft',
  msp_sso: 'Signing in to Postroom with a Microsoft account',
  calendar: 'Calendars of Microsoft 365',
  teams: 'The Postroom app in Microsoft Teams',
}

/** What this edition has, what most people come for first. */
export function shownBindings(bindings: readonly BindingAnswer[]): BindingAnswer[] {
  const order = Object.keys(CONSUMER_LABEL)
  return bindings
    .filter(({ visible }) => visible)
    .sort((one, other) => order.indexOf(one.consumer) - order.indexOf(other.consumer))
}

/** The consumers that this edition does not have. */
export function lackedConsumers(bindings: readonly Pick<BindingAnswer, 'consumer' | 'visible'>[]): MicrosoftConsumer[] {
  return bindings.filter(({ visible }) => !visible).map(({ consumer }) => consumer)
}

export const STATE_LABEL: Record<BindingState, string> = {
  ready: 'Ready',
  not_configured: 'Not set up',
  pending_admin_consent: 'Waiting for consent',
  invalid_profile: 'Profile does not work',
}
export const STATE_TONE: Record<BindingState, Tone> = {
  ready: 'good',
  not_configured: 'off',
  pending_admin_consent: 'waiting',
  invalid_profile: 'bad',
}

type Capability = (typeof PROFILE_CAPABILITIES)[number]
export const CAPABILITY_LABEL: Record<Capability, string> = {
  sign_in: 'Sign-in',
  mail: 'Mail',
  shared_mailboxes: 'Shared mailboxes',
  app_only_mail: 'Mail without a signed-in person',
  large_replies: 'Replies over 3 MB (asks for Mail.ReadWrite)',
  calendar: 'Calendar',
  teams: 'Teams',
}

/** What the state of a binding means, and what to do about it. `profile`: the bound one, where it is still there. */
export function bindingText(
  { consumer, state, profileId }: Pick<BindingAnswer, 'consumer' | 'state' | 'profileId'>,
  profile: Pick<ProfileAnswer, 'displayName' | 'archivedAt' | 'hasSecret'> | undefined,
): string {
  switch (state) {
    case 'ready':
      return profileId === null
        ? "Served by this server's own Microsoft app, which its operator has set up. Choose a profile to use your own instead."
        : `Served by ${profile?.displayName ?? 'the chosen profile'}.`
    case 'not_configured':
      return 'No profile is chosen, so nothing is served. Choose one.'
    case 'pending_admin_consent':
      return 'An administrator of the Microsoft directory has to agree first. Send them the consent link, then confirm here.'
    case 'invalid_profile':
      return `${invalid(profile)} Nothing stands in for it: ${consumer === 'email' ? 'inboxes cannot be connected or refreshed' : 'this does not work'} until it is mended or another is chosen.`
  }
}

function invalid(profile: Pick<ProfileAnswer, 'displayName' | 'archivedAt' | 'hasSecret'> | undefined): string {
  if (!profile) return 'The chosen profile no longer exists.'
  if (profile.archivedAt) return `The chosen profile ${profile.displayName} is archived.`
  return profile.hasSecret
    ? `The stored secret of ${profile.displayName} cannot be used. Enter it again.`
    : `The chosen profile ${profile.displayName} has no client secret.`
}

/** 'Email', 'Email and Calendar', 'Sign-in, Email and Calendar' */
export function consumerList(consumers: readonly string[]): string {
  const names = consumers.map((consumer) => (isConsumer(consumer) ? CONSUMER_LABEL[consumer] : consumer))
  return new Intl.ListFormat('en-GB').format(names)
}

function isConsumer(consumer: string): consumer is MicrosoftConsumer {
  return Object.hasOwn(CONSUMER_LABEL, consumer)
}

/** What a profile's own note of a capability says; one that is not known says itself. */
export function capabilityLabel(capability: string): string {
  return Object.hasOwn(CAPABILITY_LABEL, capability) ? CAPABILITY_LABEL[capability as Capability] : capability
}

/** Who uses the profile, where a refusal says that; else null. */
export function usersOf(error: unknown): string[] | null {
  if (!(error instanceof ApiError) || error.code !== 'profile_in_use') return null
  const { consumers } = error.problem
  return Array.isArray(consumers) ? consumers.filter((consumer) => typeof consumer === 'string') : []
}

/** What a directory setting means. */
export function directoryWords(directory: string): string {
  if (directory === 'common') return 'Any Microsoft account'
  if (directory === 'organizations') return 'Any work or school account'
  return `Directory ${directory}`
}
