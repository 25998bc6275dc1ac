// The route list, read off the mounted app: each route with who may call it and what goes in and out. Pure.
import type { Hono } from 'hono'
import type { z } from 'zod'
import { may, type Permission, ROLES } from '../../contract/permissions'
import type { AppEnv } from './context'
import { type Access, type RouteTag, routeTag } from './route'

export type RouteEntry = {
  method: string
  /** with Hono's parameters, for example /api/inboxes/:id */
  path: string
  /** null: the route names nobody, which a test refuses */
  access: Access | null
  summary: string
  json: z.ZodType | null
  query: z.ZodType | null
  raw: { contentType: string; limit: number } | null
  answers: { status: number; schema: z.ZodType | null; contentType: string }[]
}

/** Every route of the app in the order of mounting; middleware for all methods is not a route. */
export function routeTable(app: Pick<Hono<AppEnv>, 'routes'>): RouteEntry[] {
  const entries = new Map<string, RouteEntry>()
  for (const { method, path, handler } of app.routes) {
    if (method === 'ALL') continue
    const key = `${method} ${path}`
    const entry = entries.get(key) ?? emptyEntry(method, path)
    entries.set(key, entry)
    const tag = routeTag(handler)
    if (tag) apply(entry, tag)
  }
  return [...entries.values()]
}

function emptyEntry(method: string, path: string): RouteEntry {
  return { method, path, access: null, summary: '', json: null, query: null, raw: null, answers: [] }
}

function apply(entry: RouteEntry, tag: RouteTag): void {
  switch (tag.kind) {
    case 'access':
      entry.access = tag.access
      entry.summary = tag.summary
      return
    case 'json':
      entry.json = tag.schema
      return
    case 'query':
      entry.query = tag.schema
      return
    case 'raw':
      entry.raw = { contentType: tag.contentType, limit: tag.limit }
      return
    case 'answers':
      entry.answers.push({ status: tag.status, schema: tag.schema, contentType: tag.contentType })
  }
}

/** Who an access value lets in: 'public', 'operator', or the roles that hold the permission. */
export function callersOf(access: Access): string {
  if (access === 'public' || access === 'operator') return access
  return ROLES.filter((role) => may(role, access satisfies Permission)).join(', ')
}

/** The permission table as Markdown, sorted by path. */
export function printRouteTable(routes: RouteEntry[]): string {
  const rows = [...routes]
    .sort((a, b) => a.path.localeCompare(b.path) || a.method.localeCompare(b.method))
    .map(({ method, path, access, summary }) => {
      const who = access === null ? ['?', '?'] : [access, callersOf(access)]
      return `| \`${method} ${path}\` | ${who[0]} | ${who[1]} | ${summary} |`
    })
  return ['| Route | Permission | Who | What |', '|---|---|---|---|', ...rows, ''].join('\n')
}
