// 2026-04: layout tables emptied the body. Every HTML mail of the corpus keeps its words when it is sanitised, and loses what runs.
import { describe, expect, test } from 'vitest'
import { htmlToText } from '../../../worker/mail/html-text'
import { parseBytes } from '../../../worker/mail/parse'
import { sanitizeHtml } from '../../../worker/mail/sanitize'
import { bytesOf, cases } from './corpus'

const wordsOf = (html: string) => htmlToText(html).split(/\s+/).filter(Boolean)

describe('HTML mails of the corpus', async () => {
  const mails: { id: string; html: string }[] = []
  for (const one of cases.filter(({ group }) => group === 'parse' || group === 'bounce')) {
    const { html } = await parseBytes(bytesOf(one))
    if (html !== null && html.trim() !== '') mails.push({ id: one.id, html })
  }

  test('there are some', () => {
    expect(mails.length).toBeGreaterThan(3)
  })

  test.each(mails)('$id keeps its words', ({ html }) => {
    const started = performance.now()
    const clean = sanitizeHtml(html, { cid: (id) => `/files/${encodeURIComponent(id)}`, allowRemote: false }).html
    expect(performance.now() - started).toBeLessThan(3_000)
    expect(wordsOf(clean)).toEqual(wordsOf(html))
    expect(clean).not.toMatch(/<(?:script|style|iframe|form|input|meta|link|base|object)\b/i)
    expect(clean).not.toMatch(/<[^>]*\s(?:on\w+=|(?:src|background)="(?!\/files\/|data:image\/))/i)
  })
})
