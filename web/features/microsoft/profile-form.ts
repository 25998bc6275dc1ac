// The profile form's values, what the API takes of them, and the rules that spare a round trip. Pure.
import type { ProfileAnswer } from '../../../worker/contract/microsoft'
import { rules } from '../../lib/form'
import type { ProfileInput } from './api'

export type ProfileValues = {
  displayName: string
  clientId: string
  clientSecret: string
  directoryTenant: string
  capabilities: string[]
  consentRequired: boolean
  consentGranted: boolean
}

/** The form's start: empty, or what is stored. The stored secret never comes here; blank keeps it. */
export function profileValues(stored: ProfileAnswer | null): ProfileValues {
  return {
    displayName: stored?.displayName ?? '',
    clientId: stored?.clientId ?? '',
    clientSecret: '',
    directoryTenant: stored?.directoryTenant ?? '',
    capabilities: stored?.capabilities ?? ['mail'],
    consentRequired: stored?.consent.required ?? false,
    consentGranted: stored !== null && stored.consent.grantedAt !== null,
  }
}

/** What the API takes. Consent is only named where somebody has changed it: what was given to another app or directory ends by itself. */
export function profileInput(values: ProfileValues, stored: ProfileAnswer | null): ProfileInput {
  const { consentRequired, consentGranted, capabilities, ...rest } = values
  const unchanged = consentGranted === profileValues(stored).consentGranted
  return {
    ...rest,
    capabilities: capabilities as ProfileInput['capabilities'],
    consent: { required: consentRequired, ...(unchanged ? {} : { granted: consentGranted }) },
  }
}

/** Whether the stored profile is to become another app's: its secret and the grants it issued are of no use then. */
export function isOtherApp(values: ProfileValues, stored: ProfileAnswer | null): stored is ProfileAnswer {
  return stored !== null && values.clientId.trim() !== stored.clientId
}

/** Rules by field. A new profile, and one whose secret was erased, needs a secret. */
export function profileRules(stored: ProfileAnswer | null) {
  return {
    displayName: rules.required('The name'),
    clientId: rules.required('The client id'),
    clientSecret: (value: string) => (stored?.hasSecret || value.trim() ? null : 'The client secret is missing'),
    directoryTenant: rules.required('The directory'),
  }
}
