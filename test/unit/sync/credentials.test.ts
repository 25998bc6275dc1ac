import { describe, expect, it } from 'vitest'
import { completeConnection, otherMailbox } from '../../../worker/sync/credentials'

const server = (rest: object = {}) => ({
  host: 'mail.example.com',
  port: 993,
  security: 'tls' as const,
  username: 'u',
  password: 'stored',
  ...rest,
})
const fieldsOf = (work: () => unknown) => {
  try {
    work()
  } catch (error) {
    return (error as { fields?: unknown }).fields
  }
  return undefined
}

describe('what a connection form means', () => {
  it('a blank password keeps the stored one', () => {
    const result = completeConnection({ imap: server({ password: '', port: 143 }) }, { imap: server() })
    expect(result.imap).toEqual(server({ port: 143 }))
  })

  it('a side that is not given stays as stored', () => {
    expect(completeConnection({ imap: server() }, { smtp: server({ port: 465 }) }).smtp?.port).toBe(465)
  })

  it('a stored password is never sent to another host', () => {
    const stored = { imap: server() }
    const given = { imap: server({ host: 'evil.example.org', password: '' }) }
    expect(fieldsOf(() => completeConnection(given, stored))).toEqual([
      { path: 'imap.password', message: expect.stringContaining('again') },
    ])
  })

  it('an account is no part of a form', () => {
    const google = { address: 'a@gmail.com', clientId: 'c', scopes: [], grantedAt: 1 }
    expect(completeConnection({ imap: server() }, { google })).toEqual({ imap: server() })
  })

  it('the same host in other letters is the same host', () => {
    const given = { imap: server({ host: 'MAIL.example.com', password: '' }) }
    expect(completeConnection(given, { imap: server() }).imap?.password).toBe('stored')
  })
})

describe('another mailbox', () => {
  it('is another host or another user, and nothing else', () => {
    const before = { imap: server() }
    expect(otherMailbox(before, { imap: server({ port: 143, security: 'starttls' }) })).toBe(false)
    expect(otherMailbox(before, { imap: server({ username: 'v' }) })).toBe(true)
    expect(otherMailbox(before, { imap: server({ host: 'other.example.com' }) })).toBe(true)
    expect(otherMailbox(null, { imap: server() })).toBe(false)
  })

  it('is another Google account, however it was granted', () => {
    const google = (rest: object) => ({
      google: { address: 'a@gmail.com', clientId: 'c', scopes: [], grantedAt: 1, ...rest },
    })
    expect(otherMailbox(google({}), google({ clientId: 'd', grantedAt: 2 }))).toBe(false)
    expect(otherMailbox(google({}), google({ address: 'b@gmail.com' }))).toBe(true)
    expect(otherMailbox(null, google({}))).toBe(false)
  })
})
