// Line by line over a raw socket, for the connection check only. Every read has a time and a size limit.
import type { CheckLimits } from './limits'
import { within } from './server'

export type Dialogue = {
  /** The next line without its end. Throws when none comes in `ms`. */
  line(ms: number): Promise<string>
  /** Reads lines until one matches. */
  lineMatching(pattern: RegExp): Promise<string>
  write(text: string): Promise<void>
  /** Upgrades the socket; this dialogue is over. Throws where the server had already said more: that would have been injected. */
  startTls(): Promise<Dialogue>
  close(): Promise<void>
}

/** A conversation over an open socket. */
export function dialogue(socket: Socket, limits: CheckLimits): Dialogue {
  const reader = socket.readable.getReader()
  const writer = socket.writable.getWriter()
  let buffer = ''

  const line = async (ms: number): Promise<string> => {
    for (;;) {
      const end = buffer.indexOf('\n')
      if (end >= 0) {
        const result = buffer.slice(0, end).replace(/\r$/, '')
        buffer = buffer.slice(end + 1)
        return result
      }
      if (buffer.length > limits.lineBytes) throw new Error('line too long')
      const { done, value } = await within(ms, reader.read(), () => new Error('silence'))
      if (done || !value) throw new Error('closed')
      buffer += Buffer.from(value).toString('latin1')
    }
  }

  return {
    line,
    async lineMatching(pattern) {
      for (let i = 0; i < limits.lines; i++) {
        const text = await line(limits.line)
        if (pattern.test(text)) return text
      }
      throw new Error('too many lines')
    },
    async write(text) {
      await within(limits.line, writer.write(Buffer.from(text, 'utf8')), () => new Error('write'))
    },
    async startTls() {
      if (buffer !== '') throw new Error('data before TLS')
      reader.releaseLock()
      writer.releaseLock()
      const secured = socket.startTls()
      secured.closed.catch(() => {})
      await within(limits.connect, secured.opened, () => new Error('handshake'))
      return dialogue(secured, limits)
    },
    async close() {
      await within(1_000, socket.close(), () => new Error('close')).catch(() => {})
    },
  }
}
