import { describe, expect, it } from 'vitest'
import { type Env, settingsOf } from '../../../worker/env'

const good = { AUTH_SECRET: 'a'.repeat(32), ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 1).toString('base64')}` }
const settings = (variables: Record<string, string>) => settingsOf({ ...variables } as unknown as Env)

describe('settings', () => {
  it('need two secrets and have defaults for the rest', () => {
    expect(settings(good)).toMatchObject({
      APP_URL: 'http://localhost:8787',
      DEFAULT_PLAN: 'enterprise',
      POSTROOM_POLL_SECONDS: 60,
      OPERATOR_TOKEN: undefined,
    })
  })

  it('read an empty variable as one that is not set', () => {
    expect(settings({ ...good, OPERATOR_TOKEN: '', APP_URL: '' }).OPERATOR_TOKEN).toBeUndefined()
  })

  it('drop the slash at the end of an address', () => {
    expect(settings({ ...good, APP_URL: 'https://desk.example.test/' }).APP_URL).toBe('https://desk.example.test')
  })

  it('name every wrong variable at once and show no value', () => {
    const wrong = {
      APP_URL: 'not-an-address-0001',
      AUTH_SECRET: 'short-secret-0001',
      OPERATOR_TOKEN: 'short-token-0001',
      DEFAULT_PLAN: 'made-up-plan-0001',
      POSTROOM_POLL_SECONDS: 'often-0001',
    }
    let message = ''
    try {
      settings(wrong)
    } catch (error) {
      message = String(error)
    }
    for (const name of [...Object.keys(wrong), 'ENCRYPTION_KEYS']) expect(message).toContain(name)
    for (const value of Object.values(wrong)) expect(message).not.toContain(value)
  })

  it('show no key material where the keyring is malformed', () => {
    for (const ENCRYPTION_KEYS of ['secretkeymaterial', 'k1:c2VjcmV0a2V5bWF0ZXJpYWw=', 'k1:not*base64*secret']) {
      let message = ''
      try {
        settings({ ...good, ENCRYPTION_KEYS })
      } catch (error) {
        message = String(error)
      }
      expect(message).toContain('ENCRYPTION_KEYS')
      expect(message).not.toContain(ENCRYPTION_KEYS.replace('k1:', ''))
    }
  })
})
