import { describe, expect, it, vi } from 'vitest'
import { log, redact } from '../../../worker/platform/log'

describe('what reaches a log', () => {
  it('is no member that looks like a secret, at any depth', () => {
    const value = {
      password: 'p',
      clientSecret: 's',
      nested: [{ accessToken: 't', Authorization: 'a', 'set-cookie': 'c', credentials: {}, ENCRYPTION_KEYS: 'k' }],
      inboxId: 'inb_1',
    }
    expect(redact(value)).toEqual({
      password: '[redacted]',
      clientSecret: '[redacted]',
      nested: [
        {
          accessToken: '[redacted]',
          Authorization: '[redacted]',
          'set-cookie': '[redacted]',
          credentials: '[redacted]',
          ENCRYPTION_KEYS: '[redacted]',
        },
      ],
      inboxId: 'inb_1',
    })
  })

  it('is of an error its name, code, message and cause, not its other members', () => {
    const error = Object.assign(new Error('login failed', { cause: new Error('535') }), {
      code: 'EAUTH',
      password: 'p',
    })
    expect(redact(error)).toEqual({
      name: 'Error',
      code: 'EAUTH',
      message: 'login failed',
      cause: { name: 'Error', message: '535' },
    })
  })

  it('is bounded in depth, length and number', () => {
    const deep: Record<string, unknown> = {}
    deep.self = deep
    expect(JSON.stringify(redact(deep)).length).toBeLessThan(200)
    expect(String(redact('x'.repeat(10_000)))).toHaveLength(2001)
    expect(redact(Array.from({ length: 500 }, () => 1))).toHaveLength(50)
  })

  it('is one line of JSON with level and event', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    log.warn('sync.failed', { inboxId: 'inb_1', text: 'two\nlines' })
    const line = String(warn.mock.calls[0]?.[0])
    warn.mockRestore()
    expect(line).not.toContain('\n')
    expect(JSON.parse(line)).toEqual({ level: 'warn', event: 'sync.failed', inboxId: 'inb_1', text: 'two\nlines' })
  })
})
