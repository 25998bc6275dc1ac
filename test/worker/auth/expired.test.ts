import { env } from 'cloudflare:test'
import { expect, it } from 'vitest'
import { removeExpired } from '../../../worker/features/auth/expired'
import { systemDb } from '../../../worker/platform/system-db'
import { makeRecords } from '../../support/records'
import { makeTenant } from '../../support/session'

const DAY = 86_400_000
const counts = () =>
  env.DB.prepare(
    'SELECT (SELECT count(*) FROM sessions) AS sessions, (SELECT count(*) FROM rate_limits) AS limits, (SELECT count(*) FROM invitations) AS invitations',
  ).first()

it('removes what has run out and nothing that still counts', async () => {
  await makeRecords(await makeTenant())
  const now = Date.now()
  await env.DB.prepare("INSERT INTO rate_limits (key, window_start, count) VALUES ('k', ?, 3)").bind(now).run()
  await removeExpired(systemDb(env.DB), now)
  expect(await counts()).toEqual({ sessions: 3, limits: 1, invitations: 1 })
  await removeExpired(systemDb(env.DB), now + 2 * DAY)
  expect(await counts()).toEqual({ sessions: 0, limits: 0, invitations: 1 })
  await removeExpired(systemDb(env.DB), now + 40 * DAY)
  expect(await counts()).toEqual({ sessions: 0, limits: 0, invitations: 0 })
})
