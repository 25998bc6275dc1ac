import { describe, expect, it } from 'vitest'
import { afterAttempt, MOST_ATTEMPTS } from '../../../worker/outbound/deliver'
import { withQuote } from '../../../worker/outbound/quoted'

const NOW = 1_800_000_000_000
const transient = (retryAfter: number | null) => ({
  result: 'transient' as const,
  message: '421 busy',
  hint: null,
  retryAfter,
})

describe('after an attempt', () => {
  it('a transient failure waits longer each time and never less than the server asks (lessons, row 25)', () => {
    const waits = Array.from(
      { length: MOST_ATTEMPTS - 1 },
      (_, i) => (afterAttempt(transient(null), i + 1, NOW, 0).dueAt ?? 0) - NOW,
    )
    expect(waits.slice(0, 4)).toEqual([60_000, 300_000, 900_000, 3_600_000])
    expect(waits).toEqual(waits.toSorted((a, b) => a - b))
    expect(afterAttempt(transient(7_200_000), 1, NOW, 0).dueAt).toBe(NOW + 7_200_000)
    expect(afterAttempt(transient(null), 1, NOW, 0.5).dueAt).toBe(NOW + 66_000)
    expect(afterAttempt(transient(null), MOST_ATTEMPTS, NOW, 0)).toMatchObject({ state: 'failed', dueAt: null })
  })

  it('an unknown fate is final and says what to do', () => {
    const state = afterAttempt({ result: 'unknown', message: 'Timed out after DATA.' }, 1, NOW, 0)
    expect(state).toMatchObject({ state: 'failed', dueAt: null, sentAt: null })
    expect(state.detail).toMatch(/may have been delivered.*Timed out after DATA\./)
  })
})

describe('the quote below a reply', () => {
  const quoted = {
    from: { name: 'A <script>', email: 'a@b.example' },
    text: '1 < 2\r\n\r\n</blockquote><img src=x>',
    receivedAt: 0,
  }

  it('holds the customer’s words as text, never as markup', () => {
    const { text, html } = withQuote({ text: 'Hi', html: '<p>Hi</p>' }, quoted)
    expect(text).toBe(
      'Hi\n\nOn Thu, 01 Jan 1970 at 00:00 UTC, A <script> <a@b.example> wrote:\n> 1 < 2\n>\n> </blockquote><img src=x>\n',
    )
    expect(html).not.toMatch(/<script|<img/)
    expect(html).toContain('1 &lt; 2<br><br>&lt;/blockquote&gt;')
  })

  it('is bounded and left out where there is nothing to quote', () => {
    expect(withQuote({ text: 'Hi', html: null }, { ...quoted, text: 'x'.repeat(1_000_000) }).text.length).toBeLessThan(
      11_000,
    )
    expect(withQuote({ text: 'Hi', html: null }, { ...quoted, text: ' \n' })).toEqual({ text: 'Hi', html: null })
    expect(withQuote({ text: 'Hi', html: null }, null)).toEqual({ text: 'Hi', html: null })
  })
})
