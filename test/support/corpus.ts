// The mail corpus: the shared folder where it is there (POSTROOM_CORPUS, or beside the repository), else the cases under permissive
// licences in test/fixtures/mail, so that a clone alone still tests the essentials.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

const SHARED = process.env.POSTROOM_CORPUS ?? path.resolve(import.meta.dirname, '../../../shared/corpus')
const FIXTURES = path.resolve(import.meta.dirname, '../fixtures/mail')

export type CorpusCase<Expected> = { id: string; group: string; file: string; expected?: Expected; read(): Buffer }

/** Whether the whole corpus is on this machine; counts are asserted only then. */
export const wholeCorpus = existsSync(path.join(SHARED, 'cases.json'))

/** Every case of a group, with what its source says must come out of it. */
export function corpusCases<Expected>(group: string): CorpusCase<Expected>[] {
  const root = wholeCorpus ? SHARED : FIXTURES
  const lists = wholeCorpus
    ? ['cases.json']
    : readdirSync(FIXTURES, { recursive: true, encoding: 'utf8' }).filter(
        (name) => path.basename(name) === 'cases.json',
      )
  return lists
    .flatMap((list) => JSON.parse(readFileSync(path.join(root, list), 'utf8')) as Omit<CorpusCase<Expected>, 'read'>[])
    .filter((one) => one.group === group)
    .map((one) => ({ ...one, read: () => readFileSync(path.join(root, one.file)) }))
}
