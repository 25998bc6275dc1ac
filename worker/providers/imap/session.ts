// One IMAP connection to one INBOX, opened when first needed and lent to one user at a time. Every wait has a limit; a broken connection is replaced on the next loan.
import { ImapFlow } from 'imapflow'
import type { ImapLimits } from '../limits'
import { ProviderError } from '../provider'
import { type NetworkDeps, type Server, timedOut, within } from '../server'
import { toProviderError } from './errors'
import { socketsTransport } from './transport'

export type ImapDeps = Pick<NetworkDeps, 'connect' | 'clock'> & { limits: ImapLimits }

/** INBOX as it was when it was opened read-only. */
export type Inbox = {
  uidvalidity: string
  /** null where the server does not say */
  uidNext: number | null
  exists: number
}

/** A borrowed connection with INBOX open. */
export type Loan = {
  client: ImapFlow
  inbox: Inbox
  /** Waits for one step of the conversation, at most `ms`. What is thrown is a ProviderError; after a timeout the connection is gone. */
  step<T>(what: string, ms: number, work: Promise<T>): Promise<T>
  usable(): boolean
  /** Ends the connection: it is in the middle of an answer that nobody reads. */
  drop(): void
  /** Gives the connection back. Safe to call twice. */
  release(): void
}

export type ImapSession = {
  /** Connects where needed, opens INBOX read-only (EXAMINE) and lends the connection. Throws a ProviderError. */
  borrow(): Promise<Loan>
  /** `borrow` around a function. */
  lend<T>(use: (loan: Loan) => Promise<T>): Promise<T>
  /** When the last login succeeded, ms; null before the first. */
  loggedInAt(): number | null
  /** Logs out. Safe to call twice and at any time. */
  close(): Promise<void>
}

type Connection = { client: ImapFlow; failure: ProviderError | null }

/** Makes a session. Touches no network until something is borrowed. */
export function createImapSession(deps: ImapDeps, server: Server): ImapSession {
  const { limits } = deps
  let current: Connection | null = null
  let queue: Promise<void> = Promise.resolve()
  let closed = false
  let loggedInAt: number | null = null

  const fail = (connection: Connection, error: ProviderError): ProviderError => {
    connection.failure ??= error
    connection.client.close()
    return connection.failure
  }

  const step = async <T>(connection: Connection, what: string, ms: number, work: Promise<T>): Promise<T> => {
    try {
      return await within(ms, work, () => fail(connection, timedOut('imap_timeout', what, ms)))
    } catch (error) {
      // The first thing that went wrong explains the rest: after it every command only says "no connection".
      throw connection.failure ?? toProviderError(error, server)
    }
  }

  const open = async (): Promise<Connection> => {
    const connection = newConnection(deps, server)
    try {
      await step(connection, 'Logging in', limits.login, connection.client.connect())
    } catch (error) {
      connection.client.close()
      throw error
    }
    loggedInAt = deps.clock()
    return connection
  }

  /** The turn of the next borrower; resolves to the function that ends it. */
  const turn = async (): Promise<() => void> => {
    const before = queue
    let end = () => {}
    queue = new Promise((resolve) => {
      end = resolve
    })
    try {
      await within(limits.loan, before, () => timedOut('imap_busy', 'Waiting for the connection', limits.loan))
    } catch (error) {
      before.then(end)
      throw error
    }
    return end
  }

  const borrow = async (): Promise<Loan> => {
    const end = await turn()
    try {
      if (closed) throw new ProviderError('transient', 'imap_session_closed', 'The connection was closed.')
      if (!current?.client.usable) current = await open()
      const connection = current
      const inbox = await step(connection, 'Opening INBOX', limits.command, examine(connection.client))
      return {
        client: connection.client,
        inbox,
        step: (what, ms, work) => step(connection, what, ms, work),
        usable: () => connection.client.usable && connection.failure === null,
        drop: () => connection.client.close(),
        release: end,
      }
    } catch (error) {
      current?.client.close()
      current = null
      end()
      throw error
    }
  }

  return {
    borrow,
    async lend(use) {
      const loan = await borrow()
      try {
        return await use(loan)
      } finally {
        loan.release()
      }
    },
    loggedInAt: () => loggedInAt,
    async close() {
      if (closed) return
      closed = true
      const connection = current
      current = null
      if (!connection?.client.usable) return
      // A polite LOGOUT where the connection is free; whatever it answers, the socket goes.
      await within(
        1_000,
        connection.client.logout().catch(() => {}),
        () => new Error('logout'),
      ).catch(() => {})
      connection.client.close()
    },
  }
}

function newConnection(deps: ImapDeps, server: Server): Connection {
  const { limits } = deps
  const client = new ImapFlow({
    host: server.host,
    port: server.port,
    secure: server.security === 'tls',
    // Fails closed: with `true` no login is sent unless the connection was upgraded.
    doSTARTTLS: server.security === 'tls' ? undefined : server.security === 'starttls',
    auth: { user: server.username, pass: server.password },
    transport: socketsTransport(deps.connect),
    clientInfo: { name: 'Postroom', version: undefined, vendor: undefined, 'support-url': undefined },
    logger: false,
    disableAutoIdle: true,
    disableCompression: true,
    // Plain IMAP4rev1: no CONDSTORE, no rev2, nothing a server could get wrong that we have no use for.
    disableAutoEnable: true,
    disableIMAP4rev2: true,
    connectionTimeout: limits.connect,
    greetingTimeout: limits.greeting,
    socketTimeout: limits.idle,
    maxLiteralSize: limits.literal,
    maxResponseSize: limits.literal + limits.line,
    maxLineLength: limits.line,
    maxResponseTokens: 500_000,
  })
  const connection: Connection = { client, failure: null }
  client.on('error', (error: unknown) => {
    connection.failure ??= toProviderError(error, server)
  })
  return connection
}

async function examine(client: ImapFlow): Promise<Inbox> {
  const mailbox = await client.mailboxOpen('INBOX', { readOnly: true })
  if (!mailbox?.uidValidity) {
    throw new ProviderError(
      'protocol',
      'imap_no_uidvalidity',
      'The mail server gives its messages no lasting numbers (UIDVALIDITY), so they cannot be told apart.',
    )
  }
  return {
    uidvalidity: String(mailbox.uidValidity),
    uidNext: mailbox.uidNext || null,
    exists: mailbox.exists || 0,
  }
}
