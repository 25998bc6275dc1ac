// Line by line over a raw socket, for what comes before a library takes over. Every read has a time and a size limit.
import { within } from './server'

/** ms, bytes, number of lines */
export type DialogueLimits = { connect: number; line: number; lineBytes: number; lines: number }

export type Dialogue = {
  /** The next line without its end. Throws when none comes in `ms`. */
  line(ms: number): Promise<string>
  /** Reads lines until one matches. */
  lineMatching(pattern: RegExp): Promise<string>
  write(text: string): Promise<void>
  /**
   * Upgrades to TLS and hands over the encrypted socket, unlocked; this dialogue is over. Throws where the peer had already said more:
   * that was injected on the way (RFC 3207 6).
   */
  startTls(): Promise<Socket>
  close(): Promise<void>
}

/** `code` as nodemailer and Node name the same causes. */
function broken(message: string, code: string): Error {
  return Object.assign(new Error(message), { code })
}

/** A conversation over an open socket. */
export function dialogue(socket: Socket, limits: DialogueLimits): Dialogue {
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
      if (buffer.length > limits.lineBytes) throw broken('line too long', 'EPROTOCOL')
      const { done, value } = await within(ms, reader.read(), () => broken('silence', 'ETIMEDOUT'))
      if (done || !value) throw broken('closed', 'ECONNECTION')
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
      throw broken('too many lines', 'EPROTOCOL')
    },
    async write(text) {
      await within(limits.line, writer.write(Buffer.from(text, 'utf8')), () => broken('write', 'ETIMEDOUT'))
    },
    async startTls() {
      if (buffer !== '') throw broken('data before TLS', 'EPROTOCOL')
      reader.releaseLock()
      writer.releaseLock()
      const secured = socket.startTls()
      secured.closed.catch(() => {})
      await within(limits.connect, secured.opened, () => broken('handshake', 'ETIMEDOUT'))
      return secured
    },
    async close() {
      await within(1_000, socket.close(), () => new Error('close')).catch(() => {})
    },
  }
}
