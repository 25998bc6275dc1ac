// A reply in the making, kept in this browser until it is sent: a closed tab, an ended session or a failure loses nothing.
import { useState } from 'react'
import { randomKey } from '../../lib/random'
import type { Uploaded } from './upload'

export type Draft = {
  html: string
  /** null: as the conversation suggests */
  to: string[] | null
  cc: string[] | null
  bcc: string[]
  attachments: Uploaded[]
  note: string
  /** names this reply to the server: the same content sent twice is written once, changed content is another reply */
  key: string
  /** ms; uploads that wait longer than a day are gone on the server */
  savedAt: number
}

const empty = (): Draft => ({
  ...{ html: '', to: null, cc: null, bcc: [], attachments: [], note: '', savedAt: 0 },
  key: randomKey(),
})
const UPLOAD_LIFE_MS = 23 * 3_600_000

/** The ticket's draft of this person and a way to change parts of it. */
export function useDraft(userId: string, ticketId: string) {
  const key = `postroom.draft.${userId}.${ticketId}`
  const [draft, setDraft] = useState(() => load(key))
  const update = (change: Partial<Draft>) =>
    setDraft((before) => {
      const onlyNote = Object.keys(change).every((part) => part === 'note')
      const next = { ...before, key: onlyNote ? before.key : randomKey(), ...change, savedAt: Date.now() }
      save(key, next)
      return next
    })
  return [draft, update] as const
}

/** What a draft becomes once the reply is sent: a new one, but the note has its own life. */
export function afterSending(): Omit<Draft, 'note'> {
  const { note: _kept, ...next } = empty()
  return next
}

function load(key: string): Draft {
  try {
    const stored = { ...empty(), ...(JSON.parse(localStorage.getItem(key) ?? '{}') as Partial<Draft>) }
    return Date.now() - stored.savedAt > UPLOAD_LIFE_MS ? { ...stored, attachments: [] } : stored
  } catch {
    return empty()
  }
}

function save(key: string, draft: Draft) {
  const nothing = !draft.html && !draft.note && draft.attachments.length === 0
  try {
    if (nothing) localStorage.removeItem(key)
    else localStorage.setItem(key, JSON.stringify(draft))
  } catch {
    // Storage is full or forbidden: the draft lives as long as the tab.
  }
}
