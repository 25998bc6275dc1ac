// Loads mails with expected results: the copied fixtures, and the shared corpus where it is there (POSTROOM_CORPUS, or ../shared/corpus).
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../../..')
const SHARED = process.env.POSTROOM_CORPUS ?? join(ROOT, '../shared/corpus')

export type Case = {
  id: string
  group: 'parse' | 'bounce' | 'reply' | 'tnef' | 'header' | 'threading'
  file: string
  expected?: Record<string, unknown>
  expected_from?: string
}
/** Fields on which two unrelated parsers agree. */
export type Agreed = {
  subject?: string | null
  message_id?: string | null
  in_reply_to?: string | null
  references?: string[] | null
  from?: string[]
  to?: string[]
  cc?: string[]
  text?: string | null
  attachments?: { name: string; size: number }[]
}

export const sharedCorpus = existsSync(join(SHARED, 'cases.json'))
/** Cases of the shared corpus that a run without it does not see; the README there counts them. */
export const SHARED_CASES = { parse: 335, bounce: 191, header: 6, tnef: 9 }

const root = sharedCorpus ? SHARED : join(ROOT, 'test/fixtures/mail')
const json = <T>(file: string): T => JSON.parse(readFileSync(join(root, file), 'utf8'))

/** The fixtures keep one list per folder, with files named from there. */
const fixtures = (folder: string) =>
  json<Case[]>(`${folder}/cases.json`).map((one) => ({ ...one, file: `${folder}/${one.file}` }))

export const cases = sharedCorpus ? json<Case[]>('cases.json') : ['parse', 'bounce', 'reply'].flatMap(fixtures)
const consensus = json<Record<string, { agreed: Agreed }>>(sharedCorpus ? 'consensus.json' : 'parse/consensus.json')

export const bytesOf = (one: Case): Uint8Array => readFileSync(join(root, one.file))
export const tableOf = <T>(one: Case): T => json<T>(one.file)
export const agreedOn = (one: Case): Agreed => consensus[one.id]?.agreed ?? {}
