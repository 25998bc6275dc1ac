// One SMTP connection, ready for MAIL FROM: socket, TLS, EHLO and login. TLS is demanded before AUTH unless security is 'none'.
import net from 'node:net'
import tls from 'node:tls'
import SMTPConnection from 'nodemailer/lib/smtp-connection'
import type { SmtpLimits } from '../limits'
import { ProviderError } from '../provider'
import { type Server, timedOut, within } from '../server'
import { toProviderError } from './errors'

export type SmtpConnection = {
  smtp: SMTPConnection
  /** rejects, as a ProviderError, when the connection fails at any time; never resolves */
  failed: Promise<never>
  close(): void
}

/**
 * Connects and logs in (an empty user name: no login). Throws a ProviderError. The socket is opened here, because nodemailer would
 * resolve the name by DNS over HTTPS, while the runtime resolves it itself.
 */
export async function openSmtp(limits: SmtpLimits, server: Server): Promise<SmtpConnection> {
  const { socket, opened } = openSocket(server)
  const work = (async () => {
    await within(limits.connect, opened, () => timedOut('smtp_connect_timeout', 'Connecting', limits.connect))
    const connection = wrap(limits, server, socket)
    await Promise.race([greet(connection.smtp), connection.failed])
    if (server.username !== '') await Promise.race([login(connection.smtp, server), connection.failed])
    return connection
  })()
  try {
    return await within(limits.login, work, () => timedOut('smtp_timeout', 'Logging in', limits.login))
  } catch (error) {
    socket.destroy()
    throw toProviderError(error, server)
  }
}

function openSocket(server: Server): { socket: net.Socket; opened: Promise<void> } {
  const address = { host: server.host, port: server.port }
  const implicit = server.security === 'tls'
  const socket = implicit
    ? tls.connect({ ...address, ...(net.isIP(server.host) ? {} : { servername: server.host }) })
    : net.connect(address)
  const opened = new Promise<void>((resolve, reject) => {
    socket.once(implicit ? 'secureConnect' : 'connect', resolve)
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('closed before it was open')))
  })
  // A socket that is destroyed later may still report an error; there is nobody left to hear it.
  socket.on('error', () => {})
  return { socket, opened }
}

function wrap(limits: SmtpLimits, server: Server, socket: net.Socket): SmtpConnection {
  const smtp = new SMTPConnection({
    connection: socket,
    host: server.host,
    port: server.port,
    secure: server.security === 'tls',
    secured: server.security === 'tls',
    // Fails closed: without an upgrade there is no session.
    requireTLS: server.security === 'starttls',
    ignoreTLS: server.security === 'none',
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
      socket.destroy()
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
