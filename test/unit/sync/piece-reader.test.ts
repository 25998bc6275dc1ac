import { describe, expect, it } from 'vitest'
import { pieceReader } from '../../../worker/sync/raw-store'

const streamOf = (chunks: number[][]) =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new Uint8Array(chunk))
      controller.close()
    },
  })

async function pieces(chunks: number[][], size: number, expected = 0, skip = 0) {
  const reader = pieceReader(streamOf(chunks), expected)
  await reader.skip(skip)
  const result: { bytes: number[]; ended: boolean }[] = []
  for (;;) {
    const { bytes, ended } = await reader.read(size)
    result.push({ bytes: [...bytes], ended })
    if (ended) return result
  }
}

describe('reading in pieces', () => {
  it('cuts equal pieces from chunks of any size and knows the last one', async () => {
    for (const expected of [0, 1, 3, 100]) {
      expect(await pieces([[1], [2, 3, 4, 5], [], [6, 7]], 3, expected)).toEqual([
        { bytes: [1, 2, 3], ended: false },
        { bytes: [4, 5, 6], ended: false },
        { bytes: [7], ended: true },
      ])
    }
  })

  it('says so when the last piece is a whole one', async () => {
    expect(
      await pieces(
        [
          [1, 2],
          [3, 4],
        ],
        2,
      ),
    ).toEqual([
      { bytes: [1, 2], ended: false },
      { bytes: [3, 4], ended: true },
    ])
  })

  it('yields one empty piece of an empty stream', async () => {
    expect(await pieces([], 4)).toEqual([{ bytes: [], ended: true }])
    expect(await pieces([[]], 4)).toEqual([{ bytes: [], ended: true }])
  })

  it('skips across chunks, also beyond the end', async () => {
    expect(
      await pieces(
        [
          [1, 2],
          [3, 4, 5],
        ],
        10,
        0,
        3,
      ),
    ).toEqual([{ bytes: [4, 5], ended: true }])
    expect(await pieces([[1, 2]], 10, 0, 9)).toEqual([{ bytes: [], ended: true }])
  })

  it('agrees with the whole for any cut', async () => {
    const all = Array.from({ length: 50 }, (_, n) => n)
    for (let cut = 1; cut < 12; cut++) {
      const chunks = Array.from({ length: Math.ceil(50 / cut) }, (_, i) => all.slice(i * cut, (i + 1) * cut))
      for (let size = 1; size < 60; size += 7) {
        const read = await pieces(chunks, size, 10)
        expect(read.flatMap(({ bytes }) => bytes)).toEqual(all)
        expect(read.slice(0, -1).every(({ bytes }) => bytes.length === size)).toBe(true)
      }
    }
  })
})
