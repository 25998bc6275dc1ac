// Routes of connecting a Google account: the way out for people who manage inboxes, the way back for Google's redirect.
import { Hono } from 'hono'
import { StartConnectAnswer, StartConnectBody } from '../contract/inboxes'
import type { AppEnv } from '../platform/http/context'
import { access, answers, json, publicRoute, sessionOf } from '../platform/http/route'
import { beginning, type ConnectIo, comingBack, permission } from './account-connect.routes'
import { finishGoogleConnect, startGoogleConnect } from './google-connect'

/** The routes over a way to reach Google. */
export function googleConnectRoutes(io: ConnectIo) {
  return new Hono<AppEnv>()
    .post(
      '/inboxes/:id/connect/google',
      access(permission, 'Begin connecting a Google account; answers where to send the browser'),
      json(StartConnectBody),
      answers(200, StartConnectAnswer),
      async (c) => {
        const input = { inboxId: c.req.param('id'), userId: sessionOf(c).userId, body: c.req.valid('json') }
        return c.json(await startGoogleConnect(await beginning(io, c), input))
      },
    )
    .get(
      '/auth/google/callback',
      publicRoute("The way back from Google's consent page; answers with a redirect"),
      async (c) => comingBack(io, c, finishGoogleConnect),
    )
}
