// Which messages share a command, and what an answer to a partial fetch means.
import { describe, expect, it } from 'vitest'
import { judgePartial, planFetch } from '../../../worker/providers/imap/plan-fetch'
import type { MessageRef } from '../../../worker/providers/provider'

const limits = { whole: 1_000, batchMessages: 3, batchBytes: 2_000 }
const ref = (uid: number, size?: number): MessageRef => ({ identity: `imap:INBOX:7:${uid}`, size })

describe('planning a fetch', () => {
  it('fills commands up to a number of messages and of bytes', () => {
    const plan = planFetch([ref(1, 10), ref(2, 10), ref(3, 10), ref(4, 900), ref(5, 900), ref(6, 900)], '7', limits)
    expect(plan.batches.map((batch) => batch.map((wanted) => wanted.uid))).toEqual([[1, 2, 3], [4, 5], [6]])
  })

  it('fetches large messages and those of unknown size in windows', () => {
    const plan = planFetch([ref(1, 1_000), ref(2, 1_001), ref(3)], '7', limits)
    expect(plan.batches.flat().map((wanted) => wanted.uid)).toEqual([1])
    expect(plan.large.map((wanted) => wanted.uid)).toEqual([2, 3])
  })

  it('fetches a message that is named twice once', () => {
    const plan = planFetch([ref(1, 10), ref(1, 10), ref(2, 5_000), ref(2, 5_000)], '7', limits)
    expect([plan.batches.flat().length, plan.large.length, plan.strangers.length]).toEqual([1, 1, 0])
  })

  it('turns away what is not of this mailbox', () => {
    const plan = planFetch([{ identity: 'imap:INBOX:8:1' }, { identity: 'gmail:1' }], '7', limits)
    expect(plan.strangers.map(({ error }) => error.code)).toEqual(['imap_uidvalidity_changed', 'imap_identity'])
    expect(plan.strangers.every(({ error }) => error.kind === 'not_found')).toBe(true)
  })
})

describe('an answer to a partial fetch', () => {
  const bytes = (length: number) => new Uint8Array(length)
  const judge = (asked: number, origin: number | null, length: number | null, claimed?: number) => {
    const verdict = judgePartial({ asked, window: 100, origin, bytes: length === null ? null : bytes(length) }, claimed)
    return 'error' in verdict ? verdict.error.code : [verdict.take.length, verdict.ended]
  }

  it.each([
    ['a full window', judge(0, 0, 100, 250), [100, false]],
    ['the last, shorter window', judge(200, 200, 50, 250), [50, true]],
    ['a full window that ends the claimed size', judge(100, 100, 100, 200), [100, false]],
    ['nothing after the end', judge(200, 200, 0, 200), [0, true]],
    ['NIL after the end', judge(200, null, null, 200), [0, true]],
    ['a short answer before the claimed end', judge(0, 0, 40, 250), [40, false]],
    ['a short answer with no claim', judge(0, 0, 40), [40, false]],
    ['more than was claimed', judge(200, 200, 100, 210), [100, false]],
    ['an empty message that was announced', judge(0, 0, 0, 0), [0, true]],
    ['nothing at all', judge(0, 0, 0, 250), 'imap_body_missing'],
    ['nothing at all with no claim', judge(0, null, null), 'imap_body_missing'],
    ['the whole message instead', judge(0, null, 250, 250), [250, true]],
    ['the whole message instead, from the middle', judge(100, null, 250, 250), [150, true]],
    ['the whole message, shorter than what we have', judge(100, null, 60, 60), 'imap_partial_mismatch'],
    ['another offset', judge(100, 0, 100, 250), 'imap_partial_mismatch'],
    ['more than a window', judge(100, 100, 101, 250), 'imap_partial_mismatch'],
  ])('%s', (_, actual, expected) => {
    expect(actual).toEqual(expected)
  })
})
