import { SELF } from 'cloudflare:test'
import { expect, it } from 'vitest'

it('answers the health question', async () => {
  const response = await SELF.fetch('http://postroom.test/api/health')
  expect(await response.json()).toEqual({ ok: true, version: '0.1.0', edition: 'enterprise' })
})
