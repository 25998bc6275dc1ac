// From an address to the settings its mail provider usually has. A proposal for a form: never blocks, never throws, never connects to a mail server.
import { type DnsDeps, mailExchangers } from './dns'
import type { Security, Server } from './server'
import { WELL_KNOWN } from './well-known'

export type ProposedServer = Omit<Server, 'password'>
export type Proposal = {
  imap: ProposedServer
  smtp: ProposedServer
  /** the provider's name, or the domain */
  provider: string
  /** made from the domain's name alone; nobody has confirmed it */
  guessed: boolean
  /** what to know before typing a password */
  note?: string
}

const ADDRESS = /^([^\s@<>"]{1,64})@((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63})$/

/** The usual settings for an address: by its domain, by its domain's mail exchangers, or guessed. Null for what is not an address. */
export async function proposeSettings(email: string, deps: DnsDeps): Promise<Proposal | null> {
  const address = email.trim().toLowerCase()
  const [, local, domain] = ADDRESS.exec(address) ?? []
  if (local === undefined || domain === undefined) return null
  const known = WELL_KNOWN.find((row) => row.domains?.includes(domain))
  const row = known ?? hostedBy((await mailExchangers(deps, domain)) ?? [])
  if (!row) {
    return {
      imap: server(`imap.${domain}:993`, address),
      smtp: server(`smtp.${domain}:465`, address),
      provider: domain,
      guessed: true,
      note: 'These are only the usual names; your provider’s help pages have the right ones.',
    }
  }
  const username = row.localPart ? local : address
  return {
    imap: server(row.imap, username),
    smtp: server(row.smtp, username),
    provider: row.provider,
    guessed: false,
    ...(row.note === undefined ? {} : { note: row.note }),
  }
}

function hostedBy(exchangers: string[]) {
  for (const exchanger of exchangers) {
    const row = WELL_KNOWN.find((each) =>
      each.exchangers?.some((end) => exchanger === end || exchanger.endsWith(`.${end}`)),
    )
    if (row) return row
  }
  return undefined
}

const IMPLICIT_TLS = new Set([993, 465])

function server(hostAndPort: string, username: string): ProposedServer {
  const [host = '', digits] = hostAndPort.split(':')
  const port = Number(digits)
  const security: Security = IMPLICIT_TLS.has(port) ? 'tls' : 'starttls'
  return { host, port, security, username }
}
