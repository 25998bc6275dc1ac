// Routes of setup, sign-in and a person's own sessions.
import { type Context, Hono } from 'hono'
import {
  AcceptInviteBody,
  ChangePasswordBody,
  OwnSessionPage,
  SessionAnswer,
  SetupAnswer,
  SetupBody,
  SignInBody,
} from '../../contract/auth'
import type { AppEnv } from '../../platform/http/context'
import { access, answers, json, publicRoute, sessionOf } from '../../platform/http/route'
import { sessionAnswer } from './answer'
import { authDeps, callerOf } from './deps'
import { acceptInvitation } from './invitations'
import { endSession, ownSessions, revokeOwnSession } from './own-sessions'
import { clearSessionCookie, setSessionCookie } from './session'
import { setUp, setupNeeded } from './setup'
import { changePassword, type SignedIn, signIn } from './sign-in'

function welcome(c: Context<AppEnv>, { token, session }: SignedIn): SessionAnswer {
  setSessionCookie(c, token)
  return sessionAnswer(session, c.get('modules'))
}

export const authRoutes = new Hono<AppEnv>()
  .get(
    '/setup',
    publicRoute('Whether this installation still needs its first tenant'),
    answers(200, SetupAnswer),
    async (c) => c.json({ needed: await setupNeeded(authDeps(c)) }),
  )
  .post(
    '/setup',
    publicRoute('Make the first tenant and its owner, once'),
    json(SetupBody),
    answers(201, SessionAnswer),
    async (c) => {
      const input = { ...c.req.valid('json'), plan: c.get('settings').DEFAULT_PLAN }
      return c.json(welcome(c, await setUp(authDeps(c), input, callerOf(c))), 201)
    },
  )
  .post(
    '/auth/sign-in',
    publicRoute('Sign in with address and password'),
    json(SignInBody),
    answers(200, SessionAnswer),
    async (c) => c.json(welcome(c, await signIn(authDeps(c), c.req.valid('json'), callerOf(c)))),
  )
  .post(
    '/invitations/accept',
    publicRoute('Accept an invitation and sign in'),
    json(AcceptInviteBody),
    answers(201, SessionAnswer),
    async (c) => c.json(welcome(c, await acceptInvitation(authDeps(c), c.req.valid('json'), callerOf(c))), 201),
  )
  .post('/auth/sign-out', access('session:own', 'End this session'), answers(204, null), async (c) => {
    await endSession(c.get('db'), sessionOf(c))
    clearSessionCookie(c)
    return c.body(null, 204)
  })
  .get(
    '/auth/session',
    access('session:own', 'Who is signed in, and what they may do'),
    answers(200, SessionAnswer),
    (c) => c.json(sessionAnswer(sessionOf(c), c.get('modules'))),
  )
  .get('/auth/sessions', access('session:own', 'Where I am signed in'), answers(200, OwnSessionPage), async (c) =>
    c.json({ items: await ownSessions(c.get('db'), sessionOf(c), c.get('clock')()), nextCursor: null }),
  )
  .delete('/auth/sessions/:id', access('session:own', 'End one of my sessions'), answers(204, null), async (c) => {
    await revokeOwnSession(c.get('db'), sessionOf(c), c.req.param('id'))
    return c.body(null, 204)
  })
  .post(
    '/auth/password',
    access('session:own', 'Change my password and end my other sessions'),
    json(ChangePasswordBody),
    answers(204, null),
    async (c) => {
      await changePassword(authDeps(c), sessionOf(c), c.req.valid('json'))
      return c.body(null, 204)
    },
  )
