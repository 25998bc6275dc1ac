import { describe, expect, it } from 'vitest'
import { pageOf, returnAddress } from '../../../worker/sync/return-to'

const APP = 'https://app.example'

describe('where the browser goes after connecting', () => {
  it.each(['/inboxes/inb_1', '/inboxes?archived=true', '/a/b#part', '/'])('is the page asked for: %s', (page) => {
    expect(pageOf(page, APP)).toBe(page)
  })

  it.each([
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    'https://evil.example',
    'https://app.example/inboxes',
    'javascript:alert(1)',
    '/\t/evil.example',
    '/\n/evil.example',
    '\t//evil.example',
    ' //evil.example',
    '/..//evil.example',
    '/.//evil.example',
    '/api/auth/google/callback?state=x',
    '/x/../api/openapi.json',
    'inboxes',
    '',
    '//[',
  ])('is never %j', (page) => {
    expect(pageOf(page, APP)).toBeNull()
    expect(new URL(returnAddress(APP, page, { connect: 'failed' })).origin).toBe(APP)
  })

  it.each(['/%2f/evil.example', '/%5cevil.example', '/@evil.example', '/x?u=//evil.example'])(
    'stays in the app with %s',
    (page) => {
      const url = new URL(returnAddress(APP, page, { connect: 'ok' }))
      expect(url.origin).toBe(APP)
      expect(url.pathname.startsWith('//')).toBe(false)
    },
  )

  it('carries one outcome, in place of any that was there', () => {
    expect(
      returnAddress(APP, '/inboxes/i?tab=a&connect=ok&reason=x&address=y#top', {
        connect: 'mismatch',
        address: 'a+b@x.example',
      }),
    ).toBe(`${APP}/inboxes/i?tab=a&connect=mismatch&address=a%2Bb%40x.example#top`)
  })
})
