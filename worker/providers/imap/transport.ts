// The runtime's sockets as imapflow's transport. Reads by BYOB: a plain reader hands out 4 KB at a time, which makes fetching mail several times slower.
import { createStreamsTransport } from 'imapflow'
import type { Connect } from '../server'

/** Bytes of one read at most. */
const READ = 256 * 1024
/** Reads up to this size are copied, so that their buffer can be used again. */
const COPY = 16 * 1024

/** A transport over `connect` of 'cloudflare:sockets'; names and certificates are checked by the runtime. */
export function socketsTransport(connect: Connect): ReturnType<typeof createStreamsTransport> {
  return createStreamsTransport<Wrapped>({
    open: ({ host, port, secure }) =>
      wrap(connect({ hostname: host, port }, { secureTransport: secure ? 'on' : 'starttls', allowHalfOpen: false })),
    upgrade: ({ socket }) => wrap(socket.startTls()),
  })
}

type Wrapped = ReturnType<typeof wrap>

function wrap(socket: Socket) {
  return {
    socket,
    opened: socket.opened.then(() => ({
      readable: { getReader: () => largeReader(socket.readable) },
      writable: socket.writable,
    })),
    closed: socket.closed,
    close: () => socket.close(),
  }
}

function largeReader(readable: ReadableStream<Uint8Array>) {
  const reader = readable.getReader({ mode: 'byob' })
  let spare: ArrayBufferLike | null = null
  return {
    async read(): Promise<{ done: boolean; value?: Uint8Array }> {
      const buffer = spare ?? new ArrayBuffer(READ)
      spare = null
      const { done, value } = await reader.read(new Uint8Array(buffer))
      if (done || !value) return { done: true }
      if (value.length > COPY) return { done: false, value }
      spare = value.buffer
      return { done: false, value: value.slice() }
    },
    releaseLock: () => reader.releaseLock(),
  }
}
