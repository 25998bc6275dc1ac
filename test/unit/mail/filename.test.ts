// Names of attachments as strangers write them: safe, short, and read in time that grows with their length alone.
import { describe, expect, it } from 'vitest'
import { safeFilename } from '../../../worker/mail/filename'

describe('a name', () => {
  it.each([
    ['../../etc/passwd', 'passwd'],
    ['C:\\Users\\ann\\plan.docx', 'plan.docx'],
    ['..hidden. . ', 'hidden'],
    ['a . b.txt...', 'a . b.txt'],
    ['...', ''],
  ])('given as %j is %j', (given, safe) => {
    expect(safeFilename(given)).toBe(safe)
  })

  // At 200,000 dots a search from every one of them to the end takes minutes; headers may have half a million.
  it.each(['.', ' ', '. ', ': ', '_.', '\u202e'])('of endless %j is read at once', (run) => {
    expect(safeFilename(`a${run.repeat(500_000)}x.pdf`)).toMatch(/^a.{0,199}\.pdf$/)
  })
})
