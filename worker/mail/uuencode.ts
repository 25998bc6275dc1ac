// Files that old mailers put into the text itself: "begin 644 name" … "end". Pure.

/** Offsets are chars of the given text: [start, end) with the line break after "end". */
export type UuBlock = { name: string; start: number; end: number }

const MAX_BLOCKS = 100
const BEGIN = /^begin [0-7]{3,4} (.{1,300})$/gm

/** Complete blocks in order. `raw` is the undecoded text, one char per byte. */
export function findUuBlocks(raw: string): UuBlock[] {
  const blocks: UuBlock[] = []
  BEGIN.lastIndex = 0
  for (let match = BEGIN.exec(raw); match && blocks.length < MAX_BLOCKS; match = BEGIN.exec(raw)) {
    const end = endOfBlock(raw, raw.indexOf('\n', match.index))
    if (end === null) continue
    blocks.push({ name: (match[1] ?? '').trim(), start: match.index, end })
    BEGIN.lastIndex = end
  }
  return blocks
}

/** Position after the "end" line; null where a line comes first that is no uuencoded data. */
function endOfBlock(raw: string, from: number): number | null {
  let at = from
  let lines = 0
  while (at >= 0 && at < raw.length) {
    const next = raw.indexOf('\n', at + 1)
    const line = raw.slice(at + 1, next < 0 ? raw.length : next).trimEnd()
    if (line === 'end') return lines > 0 ? (next < 0 ? raw.length : next + 1) : null
    if (line !== '' && !isDataLine(line)) return null
    lines++
    at = next
  }
  return null
}

/** The first character counts the bytes; trailing spaces may have been lost on the way. */
function isDataLine(line: string): boolean {
  const bytes = (line.charCodeAt(0) - 32) & 63
  return line.length <= 2 + Math.ceil(bytes / 3) * 4 && /^[ -`]*$/.test(line)
}
