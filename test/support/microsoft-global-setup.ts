// Node side of the `microsoft` project: starts the simulator once and tells the tests in workerd where it is.
import type { TestProject } from 'vitest/node'
import { APPS, startMicrosoft } from '../simulators/microsoft/server.ts'

export type MicrosoftTestServer = { url: string; clientId: string; clientSecret: string; redirectUri: string }
declare module 'vitest' {
  export interface ProvidedContext {
    microsoft: MicrosoftTestServer
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const redirectUri = 'http://postroom.test/api/auth/microsoft/callback'
  const { clientId, secrets } = APPS.multi
  const [clientSecret = ''] = secrets
  const simulator = await startMicrosoft({ redirectUris: [redirectUri] })
  project.provide('microsoft', { url: simulator.url, clientId, clientSecret, redirectUri })
  return () => simulator.close()
}
