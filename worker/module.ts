// What an edition may add to the core.
import type { Hono } from 'hono'
import type { AppEnv } from './platform/http/context'

export type WorkerModule = {
  id: string
  /** mounted under /api */
  routes?: Hono<AppEnv>
}
