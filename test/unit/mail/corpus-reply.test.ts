// Real replies of many mail programs and languages. The sources also cut signatures; we keep them, so only the edge of the quote is compared.
import { describe, expect, test } from 'vitest'
import { htmlToText } from '../../../worker/mail/html-text'
import { parseBytes } from '../../../worker/mail/parse'
import { newPart } from '../../../worker/mail/quote'
import { bytesOf, type Case, cases, sharedCorpus } from './corpus'

type Expected = {
  trimmed?: string
  first_fragment_trimmed?: string
  reply_text?: string
  reply_text_ignoring_whitespace?: string
}

const WHOLE = null
/**
 * What our answer ends with where the source states nothing about the quote, or something else than we want. WHOLE: nothing is cut.
 */
const OURS: Record<string, string | typeof WHOLE> = {
  // Answers between quoted lines stay with what they answer; the source takes the attribution out and leaves the rest.
  'discourse/embedded_email_7': WHOLE,
  // The source cuts a signature.
  'discourse/embedded_email_norwegian': 'Sendt fra min iPad',
  'discourse/signatures': WHOLE,
  'crisp/email_15': WHOLE,
  'crisp/email_ios_outlook_fr': 'Envoyé à partir de Outlook pour iOS<https://aka.ms/o0ukef>',
  'crisp/email_1': WHOLE,
  'crisp/email_19': 'Sent from a magnificent torch of pixels',
  'crisp/email_2': WHOLE,
  'crisp/email_20': 'On Thursday.',
  'crisp/email_4': "Awesome! I haven't had another problem with it.",
  'crisp/email_5': WHOLE,
  'crisp/email_french_2': 'et mollis ligula rutrum quis. Fusce sed odio id arcu varius aliquet nec nec nibh.',
  'crisp/email_sent_from_my_not_signature': WHOLE,
  'crisp/email_thread': 'This is new email reply in thread from bellow.',
  'crisp/email_tricky_13_timestamp_variations': WHOLE,
  // Forwarded mail is what the agent has to read.
  'crisp/email_tricky_17_forward_header': WHOLE,
  'crisp/email_tricky_19_quote_without_header': WHOLE,
  'crisp/email_tricky_2_url_with_wrote': WHOLE,
  'crisp/email_tricky_4_from_in_body': WHOLE,
  'crisp/email_tricky_8_sent_from_in_content': WHOLE,
  'crisp/sig_no_empty_line': WHOLE,
  'talon/OLK_SRC_BODY_SECTION': 'Reply',
  'talon/reply-quotations-share-block': 'Joe XXX',
  'talon/signature/jeff': WHOLE,
  'talon/signature/johndoeexamplecom': WHOLE,
  'talon/signature/short_url': WHOLE,
  'github-erp/email_1_2': WHOLE,
  'github-erp/email_1_4': "Awesome! I haven't had another problem with it.",
  'github-erp/email_1_6': 'Sent from a magnificent torch of pixels',
  'github-erp/email_2_2': 'Outlook with a reply directly above line',
  'github-erp/email_long_quote': WHOLE,
  'zapier-erp/email_gmail': 'This is a test for inbox replying to a github message.',
}

const squeezed = (text: string) => text.replace(/\s+/g, ' ').trim()

async function textOf(one: Case): Promise<string> {
  const bytes = bytesOf(one)
  if (one.file.endsWith('.eml')) return (await parseBytes(bytes)).fullText
  const text = new TextDecoder().decode(bytes)
  return one.file.endsWith('.html') ? htmlToText(text) : text
}

describe('replies of the corpus', () => {
  const replies = cases.filter(({ group }) => group === 'reply')
  const stated = (one: Case) => {
    const expected = one.expected as Expected | undefined
    return (
      expected?.trimmed ??
      expected?.first_fragment_trimmed ??
      expected?.reply_text ??
      expected?.reply_text_ignoring_whitespace
    )
  }
  const bySource = replies.filter((one) => !(one.id in OURS) && stated(one) !== undefined)
  const byUs = replies.filter((one) => one.id in OURS)

  test.each(bySource)('$id: the new part is what the source says', async (one) => {
    const { text } = newPart(await textOf(one))
    expect(squeezed(text)).toBe(squeezed(stated(one) ?? ''))
  })

  test.each(byUs)('$id: cut at the quote and nowhere else', async (one) => {
    const full = await textOf(one)
    const { text, quoted } = newPart(full)
    const end = OURS[one.id]
    if (typeof end === 'string') {
      expect(quoted).toBe(true)
      expect(text.endsWith(end)).toBe(true)
    } else {
      expect({ text, quoted }).toEqual({ text: full, quoted: false })
    }
  })

  test('every case is judged', () => {
    const unjudged = replies.filter((one) => !bySource.includes(one) && !byUs.includes(one)).map(({ id }) => id)
    const withStatement = replies.filter((one) => stated(one) !== undefined).length
    console.info(
      `replies: ${bySource.length} of ${withStatement} as the source says, ${byUs.length} by our own edge of the quote`,
    )
    expect(unjudged).toEqual([])
    if (sharedCorpus) expect([replies.length, withStatement, bySource.length]).toEqual([66, 39, 34])
  })
})
