// The first steps of "Test connection", the same for IMAP and SMTP: name, port, TLS. Speaks just enough of both protocols to say which setting is wrong; never sends a credential.

import { type Dialogue, dialogue } from './dialogue'
import type { CheckLimits } from './limits'
import type { CheckStep } from './provider'
import { type NetworkDeps, type Server, spoken, within } from './server'

export type ProbeDeps = NetworkDeps & { limits: CheckLimits }
export type Protocol = {
  /** what a server of this protocol says first */
  greets: RegExp
  /** talks until the server is ready for TLS; the reason, in the server's words, when it is not */
  askForTls(talk: Dialogue): Promise<{ ready: true } | { ready: false; said: string }>
  /** one harmless exchange after the upgrade, as proof that TLS works */
  prove(talk: Dialogue): Promise<void>
  /** usual ports, for hints */
  ports: { tls: number; starttls: number }
}

const IMAP_LINE = /^\* (OK|PREAUTH|BYE)\b/i
const SMTP_LINE = /^(220|4\d\d|5\d\d)[ -]/

export const IMAP_PROBE: Protocol = {
  greets: IMAP_LINE,
  ports: { tls: 993, starttls: 143 },
  async askForTls(talk) {
    await talk.write('p1 STARTTLS\r\n')
    const answer = await talk.lineMatching(/^p1 /i)
    return /^p1 OK\b/i.test(answer) ? { ready: true } : { ready: false, said: answer.slice(3) }
  },
  async prove(talk) {
    await talk.write('p2 CAPABILITY\r\n')
    await talk.lineMatching(/^p2 OK/i)
  },
}

export const SMTP_PROBE: Protocol = {
  greets: SMTP_LINE,
  ports: { tls: 465, starttls: 587 },
  async askForTls(talk) {
    await talk.write('EHLO [127.0.0.1]\r\n')
    await talk.lineMatching(/^\d{3} /)
    await talk.write('STARTTLS\r\n')
    const answer = await talk.lineMatching(/^\d{3} /)
    return answer.startsWith('220') ? { ready: true } : { ready: false, said: answer }
  },
  async prove(talk) {
    await talk.write('EHLO [127.0.0.1]\r\n')
    await talk.lineMatching(/^250 /)
  },
}

/** Steps "Resolve name", "Reach port" and "TLS", up to the first that fails. Never throws. */
export async function probe(deps: ProbeDeps, server: Server, protocol: Protocol): Promise<CheckStep[]> {
  const started = deps.clock()
  const lookup = lookUp(deps, server.host)
  const plain = server.security !== 'tls'
  const socket = await open(deps, server, plain ? 'starttls' : 'on')
  const reachedMs = deps.clock() - started
  if (socket) {
    const steps = [resolved(server, await lookup.known(), reachedMs), reached(server, reachedMs)]
    steps.push(
      plain
        ? await upgrade(deps, server, protocol, socket)
        : await greetOverTls(deps, server, protocol, socket, reachedMs),
    )
    return steps
  }
  // Only now is it worth finding out why: the runtime has one error for names, ports and certificates.
  const bare = plain ? null : await open(deps, server, 'off')
  if (!bare) return unreachable(server, await lookup.wait(), reachedMs)
  return [
    resolved(server, await lookup.known(), reachedMs),
    reached(server, reachedMs),
    await whyNoTls(deps, server, protocol, bare),
  ]
}

type Lookup = { known(): Promise<string[] | null>; wait(): Promise<string[] | null> }

/** Starts asking for the name's addresses. `known` is what has come back by now, `wait` waits for it. */
function lookUp(deps: ProbeDeps, host: string): Lookup {
  const literal = /^[\d.]+$|:|^localhost$/i.test(host)
  const asked = literal ? Promise.resolve([host]) : (deps.resolve?.(host).catch(() => null) ?? Promise.resolve(null))
  const wait = () => within(deps.limits.resolve, asked, () => new Error('resolve')).catch(() => null)
  return { wait, known: () => Promise.race([asked, Promise.resolve(null)]).catch(() => null) }
}

function resolved(server: Server, addresses: string[] | null, ms: number): CheckStep {
  const first = addresses?.[0]
  const known = first !== undefined && first !== server.host
  const detail = !known ? `${server.host} leads to a server.` : `${server.host} is ${first}.`
  return { name: 'Resolve name', status: 'pass', ms, detail }
}

function reached(server: Server, ms: number): CheckStep {
  return { name: 'Reach port', status: 'pass', ms, detail: `Port ${server.port} answers.` }
}

function unreachable(server: Server, addresses: string[] | null, ms: number): CheckStep[] {
  if (addresses?.length === 0) {
    return [
      {
        name: 'Resolve name',
        status: 'fail',
        ms,
        detail: `There is no server named ${server.host}.`,
        hint: 'Check the spelling of the host name.',
      },
    ]
  }
  const step: CheckStep = {
    name: 'Reach port',
    status: 'fail',
    ms,
    detail: `Nothing answers at ${server.host}, port ${server.port}.`,
    hint: 'Check host name and port. Servers inside a private network cannot be reached from here, and port 25 is closed.',
  }
  return addresses ? [resolved(server, addresses, ms), step] : [step]
}

async function open(
  deps: ProbeDeps,
  server: Server,
  secureTransport: 'on' | 'off' | 'starttls',
): Promise<Socket | null> {
  try {
    const socket = deps.connect({ hostname: server.host, port: server.port }, { secureTransport, allowHalfOpen: false })
    socket.closed.catch(() => {})
    await within(deps.limits.connect, socket.opened, () => {
      socket.close().catch(() => {})
      return new Error('connect')
    })
    return socket
  } catch {
    return null
  }
}

const tlsStep = (status: CheckStep['status'], ms: number, detail: string, hint?: string): CheckStep => ({
  name: 'TLS',
  status,
  ms,
  detail,
  ...(hint === undefined ? {} : { hint }),
})

/** Implicit TLS: the handshake is done when the socket is open; the greeting shows that a mail server is behind it. */
async function greetOverTls(
  deps: ProbeDeps,
  server: Server,
  protocol: Protocol,
  socket: Socket,
  ms: number,
): Promise<CheckStep> {
  const talk = dialogue(socket, deps.limits)
  try {
    const line = await talk.line(deps.limits.greeting).catch(() => null)
    if (line === null) return silent(server, protocol, ms)
    if (!protocol.greets.test(line)) return wrongService(server, line, ms)
    return tlsStep('pass', ms, 'Encrypted; the certificate is valid.')
  } finally {
    await talk.close()
  }
}

/** STARTTLS, or no TLS at all: reads the greeting in clear, upgrades where wanted. */
async function upgrade(deps: ProbeDeps, server: Server, protocol: Protocol, socket: Socket): Promise<CheckStep> {
  const started = deps.clock()
  const ms = () => deps.clock() - started
  let talk = dialogue(socket, deps.limits)
  try {
    const line = await talk.line(deps.limits.greeting).catch(() => null)
    if (line === null) {
      await talk.close()
      const secured = await open(deps, server, 'on')
      if (!secured) return silent(server, protocol, ms())
      secured.close().catch(() => {})
      return tlsStep(
        'fail',
        ms(),
        'This port expects TLS from the first byte.',
        'Choose the security TLS for this port.',
      )
    }
    if (!protocol.greets.test(line)) return wrongService(server, line, ms())
    if (server.security === 'none') {
      return tlsStep(
        'warn',
        ms(),
        'The connection is not encrypted: the password and all mail can be read on the way.',
        `Use TLS (port ${protocol.ports.tls}) or STARTTLS (port ${protocol.ports.starttls}) if the server offers one.`,
      )
    }
    const answer = await protocol.askForTls(talk)
    if (!answer.ready) {
      const detail = `The server does not offer STARTTLS, so the password was not sent. It said: “${spoken(answer.said, server)}”`
      return tlsStep('fail', ms(), detail, `Use the security TLS with port ${protocol.ports.tls}.`)
    }
    talk = dialogue(await talk.startTls(), deps.limits)
    await protocol.prove(talk)
    return tlsStep('pass', ms(), 'Encrypted by STARTTLS; the certificate is valid.')
  } catch {
    return tlsStep('fail', ms(), 'The encrypted connection could not be made.', certificateHint(server))
  } finally {
    await talk.close()
  }
}

/** The port takes connections and no TLS handshake. */
async function whyNoTls(deps: ProbeDeps, server: Server, protocol: Protocol, socket: Socket): Promise<CheckStep> {
  const started = deps.clock()
  const talk = dialogue(socket, deps.limits)
  const line = await talk.line(deps.limits.greeting).catch(() => null)
  await talk.close()
  const ms = deps.clock() - started
  if (line !== null && protocol.greets.test(line)) {
    return tlsStep(
      'fail',
      ms,
      'This port starts without encryption.',
      `Choose STARTTLS for this port, or use port ${protocol.ports.tls} with TLS.`,
    )
  }
  if (line !== null) return wrongService(server, line, ms)
  return tlsStep('fail', ms, 'The encrypted connection could not be made.', certificateHint(server))
}

function silent(server: Server, protocol: Protocol, ms: number): CheckStep {
  const { tls, starttls } = protocol.ports
  const detail = `${server.host} accepts connections on port ${server.port} and says nothing.`
  return tlsStep(
    'fail',
    ms,
    detail,
    `Check port and security: usual are ${tls} with TLS and ${starttls} with STARTTLS.`,
  )
}

function wrongService(server: Server, line: string, ms: number): CheckStep {
  const other = IMAP_LINE.test(line) ? 'an IMAP server' : SMTP_LINE.test(line) ? 'an SMTP server' : 'something else'
  return tlsStep(
    'fail',
    ms,
    `On port ${server.port} answers ${other}.`,
    'Check the port: receiving is IMAP, sending is SMTP.',
  )
}

function certificateHint(server: Server): string {
  return `The certificate must be valid for ${server.host} and come from a public authority. Check that this is the name your provider gives.`
}
