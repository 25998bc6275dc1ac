// Pulls an async generator ahead of its reader, up to a budget of bytes, so that the network works while the reader stores.

/**
 * Yields what `source` yields, in order. At most `budget` bytes wait (one item may exceed it alone). When the reader stops early
 * `abandon` is called before the source is returned, because the source may be waiting for a network that nobody needs any more.
 */
export async function* readAhead<T>(
  source: AsyncGenerator<T>,
  weigh: (item: T) => number,
  budget: number,
  abandon: () => void,
): AsyncGenerator<T> {
  const waiting: T[] = []
  let held = 0
  let state: { ended: boolean; error?: unknown } = { ended: false }
  let wakeReader = () => {}
  let wakePump = () => {}
  let stopped = false

  const pump = (async () => {
    try {
      while (!stopped) {
        const { done, value } = await source.next()
        if (done) break
        waiting.push(value)
        held += weigh(value)
        wakeReader()
        if (held >= budget && !stopped) {
          await new Promise<void>((resolve) => {
            wakePump = resolve
          })
        }
      }
      state = { ended: true }
    } catch (error) {
      state = { ended: true, error }
    }
    wakeReader()
  })()

  try {
    for (;;) {
      const item = waiting.shift()
      if (item !== undefined) {
        held -= weigh(item)
        if (held < budget) wakePump()
        yield item
      } else if (state.ended) {
        if (state.error !== undefined) throw state.error
        return
      } else {
        await new Promise<void>((resolve) => {
          wakeReader = resolve
        })
      }
    }
  } finally {
    stopped = true
    if (!state.ended) abandon()
    wakePump()
    await pump
    await source.return(undefined).catch(() => {})
  }
}
