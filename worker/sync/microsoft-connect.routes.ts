// Routes of connecting a Microsoft mailbox: the way out for people who manage inboxes, the way back for Microsoft's redirect.
import { Hono } from 'hono'
import { StartMicrosoftAnswer, StartMicrosoftBody } from '../contract/inboxes'
import type { AppEnv } from '../platform/http/context'
import { access, answers, json, publicRoute, sessionOf } from '../platform/http/route'
import { isAdminConsent } from '../platform/microsoft-consent'
import { beginning, type ConnectIo, comingBack, permission } from './account-connect.routes'
import { finishAdminConsent } from './admin-consent'
import { finishMicrosoftConnect, startMicrosoftConnect } from './microsoft-connect'

/** The routes over a way to reach Microsoft. */
export function microsoftConnectRoutes(io: ConnectIo) {
  return new Hono<AppEnv>()
    .post(
      '/inboxes/:id/connect/microsoft',
      access(permission, 'Begin connecting a Microsoft mailbox; answers where to send the browser, if anywhere'),
      json(StartMicrosoftBody),
      answers(200, StartMicrosoftAnswer),
      async (c) => {
        const input = { inboxId: c.req.param('id'), userId: sessionOf(c).userId, body: c.req.valid('json') }
        return c.json(await startMicrosoftConnect(await beginning(io, c), input))
      },
    )
    .get(
      '/auth/microsoft/callback',
      publicRoute(
        "The way back from Microsoft's consent pages, a person's or an administrator's; answers with a redirect",
      ),
      async (c) =>
        comingBack(io, c, (deps, returned) =>
          isAdminConsent(returned.callback)
            ? finishAdminConsent(deps, returned)
            : finishMicrosoftConnect(deps, returned),
        ),
    )
}
