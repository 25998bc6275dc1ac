// Bytes of one line that may arrive in several chunks; grows by doubling, up to the caller's limit. Pure.

export class LineBuffer {
  length = 0
  private bytes = new Uint8Array(256)

  /** Copies what fits below `limit`; returns what did not. */
  append(chunk: Uint8Array, limit: number): Uint8Array {
    const room = Math.max(0, limit - this.length)
    const fitting = chunk.subarray(0, room)
    const length = this.length + fitting.length
    if (length > this.bytes.length) {
      const grown = new Uint8Array(length * 2)
      grown.set(this.bytes.subarray(0, this.length))
      this.bytes = grown
    }
    this.bytes.set(fitting, this.length)
    this.length = length
    return chunk.subarray(fitting.length)
  }

  /** The line so far, which stays valid until the next append; the buffer is empty afterwards. */
  take(): Uint8Array {
    const line = this.bytes.subarray(0, this.length)
    this.length = 0
    return line
  }
}
