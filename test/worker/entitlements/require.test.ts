import { env, SELF } from 'cloudflare:test'
import { Hono } from 'hono'
import { expect, it } from 'vitest'
import { createApp } from '../../../worker/app'
import { requireFeature } from '../../../worker/entitlements/require'
import type { AppEnv } from '../../../worker/platform/http/context'
import { access } from '../../../worker/platform/http/route'
import { makeTenant, ORIGIN } from '../../support/session'

const calendar = {
  id: 'calendar',
  routes: new Hono<AppEnv>().get(
    '/calendar/events',
    access('tickets:read', 'Events, for this test'),
    requireFeature('calendar'),
    (c) => c.json({ ok: true }),
  ),
}

it('lets a plan with the feature in, and no other', async () => {
  const app = createApp([calendar])
  const asAgentOn = async (plan: string) => {
    const tenant = await makeTenant({ plan })
    return app.request(`${ORIGIN}/api/calendar/events`, { headers: { cookie: tenant.cookie.agent } }, env)
  }
  expect((await asAgentOn('enterprise')).status).toBe(200)
  const refused = await asAgentOn('business')
  expect(refused.status).toBe(403)
  expect(await refused.json()).toMatchObject({ code: 'feature_not_available' })
  expect((await app.request(`${ORIGIN}/api/calendar/events`, {}, env)).status).toBe(401)
})

it("keeps providers' URLs addressable without their module: 501 in the shape they know", async () => {
  const cases = [
    ['GET', '/api/auth/google/calendar/callback'],
    ['GET', '/api/auth/microsoft/calendar/callback'],
    ['POST', '/api/calendar/webhooks/google'],
    ['POST', '/api/calendar/webhooks/microsoft'],
  ]
  for (const [method, path] of cases) {
    const response = await SELF.fetch(`${ORIGIN}${path}`, { method, headers: { origin: 'https://provider.test' } })
    expect(response.status).toBe(501)
    expect(await response.json()).toMatchObject({ success: false, error: expect.stringContaining('calendar') })
  }
})

it('leaves those URLs to the module that serves them', async () => {
  const routes = new Hono<AppEnv>().post('/calendar/webhooks/google', access('tickets:read', 'For this test'), (c) =>
    c.json({ ok: true }),
  )
  const response = await createApp([{ id: 'calendar', routes }]).request(
    `${ORIGIN}/api/calendar/webhooks/google`,
    { method: 'POST' },
    env,
  )
  expect(response.status).toBe(401)
})
