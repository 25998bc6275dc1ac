// The connection form's values: what a person types, what the API takes, and the ports that go with each security. Pure.
import type { UseFormReturnType } from '@mantine/form'
import type { z } from 'zod'
import type { ConnectionBody, ConnectionConfig, Security, Server } from '../../../worker/contract/inboxes'

export type ConnectionInput = z.input<typeof ConnectionBody>
export type Side = 'imap' | 'smtp'
export type ConnectionValues = {
  imap: Server
  smtp: Server
  /** Replies are sent through this mailbox; without it the inbox only receives. */
  sends: boolean
  /** The sending side signs in with the receiving side's user name and password. */
  sameLogin: boolean
}
export type ConnectionForm = UseFormReturnType<ConnectionValues>

const PORTS: Record<Side, Record<Security, number>> = {
  imap: { tls: 993, starttls: 143, none: 143 },
  smtp: { tls: 465, starttls: 587, none: 25 },
}

export const SECURITY_LABEL: Record<Security, string> = {
  tls: 'TLS (recommended)',
  starttls: 'STARTTLS',
  none: 'None (not encrypted)',
}

const blank = (side: Side): Server => ({ host: '', port: PORTS[side].tls, security: 'tls', username: '', password: '' })

/** The form's start: empty, or what is stored. Stored passwords are never sent here; blank keeps them. */
export function connectionValues(stored: ConnectionConfig | null): ConnectionValues {
  return {
    imap: stored?.imap ? { ...stored.imap, password: '' } : blank('imap'),
    smtp: stored?.smtp ? { ...stored.smtp, password: '' } : blank('smtp'),
    sends: stored === null || stored.smtp !== undefined,
    sameLogin: stored === null,
  }
}

/** What the API takes. A forwarding inbox has no receiving side. */
export function connectionBody(values: ConnectionValues, receives: boolean): ConnectionInput {
  const { imap, smtp, sends, sameLogin } = values
  const login = receives && sameLogin ? { username: imap.username, password: imap.password } : {}
  return {
    ...(receives ? { imap } : {}),
    ...(sends ? { smtp: { ...smtp, ...login } } : {}),
  }
}

/** The port that goes with a security, unless somebody chose an unusual one. */
export function portFor(side: Side, current: number, security: Security): number {
  return Object.values(PORTS[side]).includes(current) ? PORTS[side][security] : current
}

/** Rules by field path; `receives` is false for a forwarding inbox. */
export function connectionErrors(values: ConnectionValues, receives: boolean): Record<string, string> {
  const errors: Record<string, string> = {}
  const check = (side: Side, login: boolean) => {
    if (!values[side].host.trim()) errors[`${side}.host`] = 'The server is missing'
    if (!(values[side].port > 0 && values[side].port <= 65_535)) errors[`${side}.port`] = 'Not a port'
    if (login && !values[side].username.trim()) errors[`${side}.username`] = 'The user name is missing'
  }
  if (receives) check('imap', true)
  if (values.sends) check('smtp', false)
  return errors
}
