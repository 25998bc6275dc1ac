// One SMTP connection, ready for MAIL FROM: socket, TLS, EHLO and login. No AUTH without TLS unless security is 'none'.
import type { Socket as NetSocket } from 'node:net'
import SMTPConnection from 'nodemailer/lib/smtp-connection'
import { dialogue } from '../dialogue'
import type { SmtpLimits } from '../limits'
import { ProviderError } from '../provider'
import { type NetworkDeps, type Server, timedOut, within } from '../server'
import { toProviderError } from './errors'
import { SocketStream } from './socket-stream'
import { startTls } from './starttls'

export type SmtpDeps = Pick<NetworkDeps, 'connect'> & { limits: SmtpLimits }

export type SmtpConnection = {
  smtp: SMTPConnection
  /** rejects, as a ProviderError, when the connection fails at any time; never resolves */
  failed: Promise<never>
  close(): void
}

/** Connects and logs in (an empty user name: no login). Throws a ProviderError. */
export async function openSmtp(deps: SmtpDeps, server: Server): Promise<SmtpConnection> {
  const { limits } = deps
  const cleanup: (() => void)[] = []
  const work = (async () => {
    const stream = await openStream(deps, server, cleanup)
    const connection = wrap(limits, server, stream)
    cleanup.push(connection.close)
    await Promise.race([greet(connection.smtp), connection.failed])
    if (server.username !== '') await Promise.race([login(connection.smtp, server), connection.failed])
    return connection
  })()
  try {
    return await within(limits.login, work, () => timedOut('smtp_timeout', 'Logging in', limits.login))
  } catch (error) {
    for (const close of cleanup) close()
    throw toProviderError(error, server)
  }
}

/** The socket, encrypted where that is wanted. nodemailer gets it ready made: names and certificates are the runtime's business. */
async function openStream(deps: SmtpDeps, server: Server, cleanup: (() => void)[]): Promise<SocketStream> {
  const { limits } = deps
  const secureTransport = server.security === 'tls' ? 'on' : 'starttls'
  const socket = deps.connect({ hostname: server.host, port: server.port }, { secureTransport, allowHalfOpen: false })
  socket.closed.catch(() => {})
  cleanup.push(() => void socket.close().catch(() => {}))
  await within(limits.connect, socket.opened, () => timedOut('smtp_connect_timeout', 'Connecting', limits.connect))
  if (server.security !== 'starttls') return new SocketStream(socket)
  const secured = await startTls(dialogue(socket, { ...limits, line: limits.greeting }))
  cleanup.push(() => void secured.close().catch(() => {}))
  // nodemailer waits for a greeting, and after STARTTLS a server sends none (RFC 3207 4.2).
  return new SocketStream(secured, '220 encrypted\r\n')
}

function wrap(limits: SmtpLimits, server: Server, stream: SocketStream): SmtpConnection {
  const smtp = new SMTPConnection({
    // A Duplex is all it uses of a net.Socket.
    connection: stream as unknown as NetSocket,
    host: server.host,
    port: server.port,
    // Encrypted already, or not at all by the user's own choice: nodemailer never upgrades.
    secure: server.security !== 'none',
    secured: server.security !== 'none',
    ignoreTLS: true,
    connectionTimeout: limits.login,
    greetingTimeout: limits.greeting,
    socketTimeout: limits.idle,
    socketCloseTimeout: 1_000,
    maxResponseSize: limits.response,
    logger: false,
  })
  const failed = new Promise<never>((_, reject) => {
    smtp.on('error', (error: unknown) => reject(toProviderError(error, server)))
    smtp.on('end', () =>
      reject(new ProviderError('transient', 'smtp_closed', 'The mail server closed the connection.')),
    )
  })
  // Somebody listens only while something is under way.
  failed.catch(() => {})
  return {
    smtp,
    failed,
    close: () => {
      smtp.close()
      stream.destroy()
    },
  }
}

function greet(smtp: SMTPConnection): Promise<void> {
  return new Promise((resolve, reject) => {
    smtp.connect((error?: Error | null) => (error ? reject(error) : resolve()))
  })
}

function login(smtp: SMTPConnection, server: Server): Promise<void> {
  if (!smtp.allowsAuth) {
    throw new ProviderError('protocol', 'smtp_auth_not_offered', 'The mail server offers no login on this port.', {
      hint: 'If this server needs no login, leave the user name empty. Otherwise choose another port or security.',
    })
  }
  return new Promise((resolve, reject) => {
    smtp.login({ credentials: { user: server.username, pass: server.password } }, (error?: Error | null) =>
      error ? reject(error) : resolve(),
    )
  })
}
