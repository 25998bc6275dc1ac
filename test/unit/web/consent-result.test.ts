// Coming back from Microsoft's admin consent page: what the address may say, and that each result has words.
import { expect, it } from 'vitest'
import { CONSENT_WORDS, parseConsentSearch } from '../../../web/features/microsoft/consent-result'

it('reads every result and nothing else', () => {
  for (const consent of Object.keys(CONSENT_WORDS)) expect(parseConsentSearch({ consent })).toEqual({ consent })
  for (const consent of ['<b>granted</b>', 'toString', '', 7, ['granted'], undefined])
    expect(parseConsentSearch({ consent, other: 'x' })).toEqual({})
})
