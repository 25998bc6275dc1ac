// Middleware factories that routes are made of: access (who), body and query (what), answers (documentation).
// Each leaves a tag, so that the route list, the permission table and openapi.json are read off the mounted app and cannot drift.

import { timingSafeEqual } from 'node:crypto'
import { zValidator } from '@hono/zod-validator'
import type { Context, MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { createMiddleware } from 'hono/factory'
import type { z } from 'zod'
import { HTTP_LIMITS } from '../../contract/limits'
import { may, type Permission } from '../../contract/permissions'
import { tenantDb } from '../db'
import { AppError } from '../errors'
import type { AppEnv, Session } from './context'

/** `public`: no session needed. `operator`: bearer OPERATOR_TOKEN. Otherwise a permission of the table. */
export type Access = Permission | 'public' | 'operator'
export type RouteTag =
  | { kind: 'access'; access: Access; summary: string }
  | { kind: 'json' | 'query'; schema: z.ZodType }
  | { kind: 'raw'; contentType: string; limit: number }
  | { kind: 'answers'; status: number; schema: z.ZodType | null; contentType: string }

const tags = new WeakMap<object, RouteTag>()
function tag<T extends object>(handler: T, value: RouteTag): T {
  tags.set(handler, value)
  return handler
}
/** The tag a middleware carries, for the route list and openapi.json. */
export const routeTag = (handler: object): RouteTag | undefined => tags.get(handler)

/** The first middleware of every route: checks session and permission, and opens the tenant's database. */
export function access(permission: Permission, summary: string): MiddlewareHandler<AppEnv> {
  return tag(
    createMiddleware<AppEnv>(async (c, next) => {
      const session = sessionOf(c)
      if (!may(session.role, permission)) throw new AppError('forbidden', { detail: 'Your role does not allow this.' })
      c.set('db', tenantDb(c.env.DB, session.tenantId))
      await next()
    }),
    { kind: 'access', access: permission, summary },
  )
}

/** The session that `access()` has checked. */
export function sessionOf(c: Context<AppEnv>): Session {
  const session = c.get('session')
  if (!session) throw new AppError('unauthenticated')
  return session
}

/** The first middleware of a route that needs no session. */
export function publicRoute(summary: string): MiddlewareHandler<AppEnv> {
  return tag(
    createMiddleware<AppEnv>(async (_c, next) => next()),
    { kind: 'access', access: 'public', summary },
  )
}

/** The first middleware of an operator route: bearer OPERATOR_TOKEN, compared in constant time; 404 while none is set. */
export function operatorRoute(summary: string): MiddlewareHandler<AppEnv> {
  return tag(
    createMiddleware<AppEnv>(async (c, next) => {
      const expected = c.get('settings').OPERATOR_TOKEN
      if (!expected) throw new AppError('not_found')
      const given = c.req.header('authorization')?.replace(/^Bearer /i, '') ?? ''
      if (!(await sameSecret(given, expected))) throw new AppError('unauthenticated')
      await next()
    }),
    { kind: 'access', access: 'operator', summary },
  )
}

/** A JSON body of at most HTTP_LIMITS.jsonBody that fits the schema; read it with c.req.valid('json'). */
export function json<T extends z.ZodType>(schema: T) {
  const validate = zValidator('json', schema, rejectInvalid)
  const limited = (async (c, next) => jsonLimit(c, async () => void (await validate(c, next)))) as typeof validate
  return tag(limited, { kind: 'json', schema })
}

/** Query parameters that fit the schema; read them with c.req.valid('query'). */
export function query<T extends z.ZodType>(schema: T) {
  return tag(zValidator('query', schema, rejectInvalid), { kind: 'query', schema })
}

/** A raw body; documentation only, the handler streams and counts it itself. */
export function raw(contentType: string, limit: number): MiddlewareHandler<AppEnv> {
  return tag(
    createMiddleware<AppEnv>(async (_c, next) => next()),
    { kind: 'raw', contentType, limit },
  )
}

/** Documents the success answer. */
export function answers(
  status: number,
  schema: z.ZodType | null,
  contentType = 'application/json',
): MiddlewareHandler<AppEnv> {
  return tag(
    createMiddleware<AppEnv>(async (_c, next) => next()),
    { kind: 'answers', status, schema, contentType },
  )
}

/** Refuses a body over the limit before it is parsed. */
const jsonLimit = bodyLimit({
  maxSize: HTTP_LIMITS.jsonBody,
  onError: () => {
    throw new AppError('body_too_large')
  },
})

function rejectInvalid(result: {
  success: boolean
  error?: { issues: readonly { path: PropertyKey[]; message: string }[] }
}) {
  if (result.success) return
  throw new AppError('invalid_body', {
    fields: (result.error?.issues ?? []).map((issue) => ({ path: issue.path.join('.'), message: issue.message })),
  })
}

async function sameSecret(a: string, b: string): Promise<boolean> {
  const digest = async (text: string) =>
    new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
  return timingSafeEqual(await digest(a), await digest(b))
}
