// A seeded random source, so that a property that fails once fails again.
export function random(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Cuts bytes into pieces of 1 to `longest` bytes. */
export function* pieces(bytes: Uint8Array, below: (n: number) => number, longest: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const next = Math.min(bytes.length, at + 1 + below(longest))
    yield bytes.subarray(at, next)
    at = next
  }
}
