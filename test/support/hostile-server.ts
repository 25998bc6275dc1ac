// A TCP server that follows a script and writes down what it hears, in clear and after TLS. Runs in Node; tests in workerd only know its port.
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'

export type Certificate = { key: string; cert: string }

/** One connection as a script sees it. */
export type Talk = {
  write(text: string | Uint8Array): Promise<void>
  /** The next line without CRLF; null once the client is gone. */
  line(): Promise<string | null>
  /** Turns the connection into TLS. */
  startTls(certificate: Certificate): Promise<void>
  /** Closes after what was written has left. */
  end(): void
  /** Cuts the connection. */
  destroy(): void
  sleep(ms: number): Promise<void>
  open(): boolean
}
export type Script = (talk: Talk) => Promise<void>

export type HostileServer = {
  port: number
  /** all that clients sent before TLS, and after it */
  heard: { clear: string; encrypted: string }
  close(): Promise<void>
}

/** Starts a server. `certificate` makes it speak TLS from the first byte. When a script returns, the connection stays as it is. */
export async function startHostileServer(script: Script, certificate?: Certificate): Promise<HostileServer> {
  const heard = { clear: '', encrypted: '' }
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    const talk = talkOver(socket, heard)
    const begin = certificate ? talk.startTls(certificate) : Promise.resolve()
    begin.then(() => script(talk)).catch(() => socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    heard,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
}

function talkOver(plain: Socket, heard: HostileServer['heard']): Talk {
  let socket: Socket = plain
  let buffer = ''
  let gone = false
  let wake = () => {}
  const listen = (from: Socket, record: keyof HostileServer['heard']) => {
    from.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1')
      heard[record] += text
      buffer += text
      wake()
    })
    from.on('close', () => {
      gone = true
      wake()
    })
    from.on('error', () => {})
  }
  listen(plain, 'clear')
  return {
    write: (text) =>
      new Promise((resolve) => {
        // Never at once: a script that writes in a loop would keep everybody else from hearing that the client is gone.
        if (gone || socket.destroyed) return void setImmediate(resolve)
        socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text, () => resolve())
      }),
    async line() {
      for (;;) {
        const end = buffer.indexOf('\n')
        if (end >= 0) {
          const text = buffer.slice(0, end).replace(/\r$/, '')
          buffer = buffer.slice(end + 1)
          return text
        }
        if (gone) return null
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
    startTls(certificate) {
      plain.removeAllListeners('data')
      const secured = new TLSSocket(plain, { isServer: true, secureContext: createSecureContext(certificate) })
      socket = secured
      buffer = ''
      listen(secured, 'encrypted')
      return new Promise((resolve, reject) => {
        secured.once('secure', () => resolve())
        secured.once('error', reject)
      })
    },
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms).unref()),
    open: () => !gone && !socket.destroyed,
  }
}
