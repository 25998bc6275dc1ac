// Composition root: core and an edition's modules become one Worker.
import { createApp } from './app'
import type { Env } from './env'
import type { WorkerModule } from './module'

export type { AppType } from './app'

/** The Worker's handlers for a list of modules; the community edition has none. */
export function createWorker(modules: WorkerModule[]): ExportedHandler<Env> {
  const app = createApp(modules)
  return {
    fetch: (request, env, ctx) => app.fetch(request, env, ctx),
    async queue() {},
    async scheduled() {},
    async email() {},
  }
}
