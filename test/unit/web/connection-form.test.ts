// The connection form: what it starts with, what it sends, which port goes with which security.
import { describe, expect, it } from 'vitest'
import {
  connectionBody,
  connectionErrors,
  connectionValues,
  portFor,
} from '../../../web/features/inboxes/connection-form'

const filled = () => {
  const values = connectionValues(null)
  values.imap = { host: 'imap.x.org', port: 993, security: 'tls', username: 'ada', password: 'secret' }
  values.smtp = { ...values.smtp, host: 'smtp.x.org' }
  return values
}

describe('connection form', () => {
  it('lends the receiving login to the sending side', () => {
    expect(connectionBody(filled(), true).smtp).toMatchObject({
      host: 'smtp.x.org',
      username: 'ada',
      password: 'secret',
    })
  })

  it('sends no receiving side for a forwarding inbox, and no login that was typed for one', () => {
    const body = connectionBody(filled(), false)
    expect(body.imap).toBeUndefined()
    expect(body.smtp).toMatchObject({ username: '', password: '' })
  })

  it('starts with what is stored, passwords blank, logins apart', () => {
    const stored = { imap: { host: 'imap.x.org', port: 993, security: 'tls' as const, username: 'ada' } }
    const values = connectionValues(stored)
    expect(values.imap).toEqual({ ...stored.imap, password: '' })
    expect(values).toMatchObject({ sends: false, sameLogin: false })
  })

  it('moves a usual port along with the security and leaves an unusual one', () => {
    expect(portFor('smtp', 465, 'starttls')).toBe(587)
    expect(portFor('imap', 143, 'tls')).toBe(993)
    expect(portFor('imap', 10_993, 'starttls')).toBe(10_993)
  })

  it('asks only for the sides that are used', () => {
    expect(Object.keys(connectionErrors(connectionValues(null), true))).toEqual([
      'imap.host',
      'imap.username',
      'smtp.host',
    ])
    expect(connectionErrors({ ...connectionValues(null), sends: false }, false)).toEqual({})
  })
})
