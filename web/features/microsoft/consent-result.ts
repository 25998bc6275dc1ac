// How asking a directory's administrator ended: read from the address that the browser comes back to, and said in words. Pure.
import type { ConsentResult } from '../../../worker/contract/microsoft'

/** Whoever can make a person follow a link can write it: it chooses words, nothing else. */
export type ConsentSearch = { consent?: ConsentResult }

export const CONSENT_WORDS: Record<ConsentResult, string> = {
  granted: "The directory's administrator has agreed. That is noted with the profile.",
  denied: 'The administrator did not agree, so nothing was changed.',
  other_directory:
    'An administrator of another directory has agreed. Sign in to Microsoft with the directory of the profile.',
  unknown: 'This answer belongs to no profile as it is now. Open the consent link that is shown below.',
  failed: 'Something went wrong on our side, so the consent was not noted. Open the consent link again.',
}

/** Reads it; what it does not know is left out. */
export function parseConsentSearch({ consent }: Record<string, unknown>): ConsentSearch {
  return typeof consent === 'string' && Object.hasOwn(CONSENT_WORDS, consent)
    ? { consent: consent as ConsentResult }
    : {}
}
