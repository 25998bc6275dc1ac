// Routes of a tenant's people: users and pending invitations.
import { Hono } from 'hono'
import { InvitationPage, InviteAnswer, InviteBody, UpdateUserBody, UserAnswer, UserPage } from '../../contract/auth'
import type { AppEnv } from '../../platform/http/context'
import { access, answers, json, sessionOf } from '../../platform/http/route'
import { authDeps } from './deps'
import { invite, pendingInvitations, revokeInvitation } from './invitations'
import { listUsers, updateUser } from './users'

export const peopleRoutes = new Hono<AppEnv>()
  .get('/users', access('users:read', 'Everybody of this tenant'), answers(200, UserPage), async (c) =>
    c.json({ items: await listUsers(c.get('db')), nextCursor: null }),
  )
  .patch(
    '/users/:id',
    access('users:manage', "Change a person's role or access"),
    json(UpdateUserBody),
    answers(200, UserAnswer),
    async (c) =>
      c.json(await updateUser(c.get('db'), sessionOf(c), c.req.param('id'), c.req.valid('json'), c.get('clock')())),
  )
  .get(
    '/invitations',
    access('users:invite', 'Invitations not yet accepted'),
    answers(200, InvitationPage),
    async (c) => c.json({ items: await pendingInvitations(c.get('db'), c.get('clock')()), nextCursor: null }),
  )
  .post(
    '/invitations',
    access('users:invite', 'Invite a person; answers the link to hand over'),
    json(InviteBody),
    answers(201, InviteAnswer),
    async (c) => c.json(await invite(authDeps(c), c.get('db'), sessionOf(c), c.req.valid('json')), 201),
  )
  .delete('/invitations/:id', access('users:invite', 'Take an invitation back'), answers(204, null), async (c) => {
    await revokeInvitation(c.get('db'), sessionOf(c), c.req.param('id'))
    return c.body(null, 204)
  })
