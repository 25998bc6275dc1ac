// A socket of the runtime as the Node stream that nodemailer drives: bytes both ways, an idle timer, an optional first line.
import { Duplex } from 'node:stream'

/** What nodemailer needs of a net.Socket. Emits 'timeout' after the set time without traffic, as a net.Socket does. */
export class SocketStream extends Duplex {
  private readonly socket: Socket
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>
  private readonly writer: WritableStreamDefaultWriter<Uint8Array>
  private idleMs = 0
  private idleTimer: ReturnType<typeof setTimeout> | undefined

  /** `socket` is open and unlocked. `first` is read before anything the peer sends. */
  constructor(socket: Socket, first = '') {
    super({ allowHalfOpen: false })
    this.socket = socket
    this.reader = socket.readable.getReader()
    this.writer = socket.writable.getWriter()
    socket.closed.catch((error: Error) => this.destroy(error))
    if (first !== '') this.push(Buffer.from(first, 'latin1'))
  }

  setTimeout(ms: number): this {
    this.idleMs = ms
    this.touch()
    return this
  }

  override _read(): void {
    this.reader.read().then(
      ({ done, value }) => {
        this.touch()
        this.push(done || !value ? null : Buffer.from(value.buffer, value.byteOffset, value.byteLength))
      },
      (error: Error) => this.destroy(error),
    )
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.writer.write(chunk).then(() => {
      this.touch()
      done()
    }, done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.writer.close().then(() => done(), done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.idleTimer)
    this.idleMs = 0
    this.socket.close().catch(() => {})
    done(error)
  }

  private touch(): void {
    clearTimeout(this.idleTimer)
    if (this.idleMs > 0 && !this.destroyed) this.idleTimer = setTimeout(() => this.emit('timeout'), this.idleMs)
  }
}
