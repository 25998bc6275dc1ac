// Node side of the `google` project: starts the simulator once and tells the tests in workerd where it is.
import type { TestProject } from 'vitest/node'
import { startGoogle } from '../simulators/google/server.ts'

export type GoogleTestServer = {
  url: string
  clientId: string
  clientSecret: string
  redirectUri: string
  topic: string
}
declare module 'vitest' {
  export interface ProvidedContext {
    google: GoogleTestServer
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const client = {
    clientId: 'google-tests.apps.googleusercontent.com',
    clientSecret: 'GOCSPX-google-tests',
    redirectUri: 'http://postroom.test/api/auth/google/callback',
    topic: 'projects/postroom-tests/topics/gmail',
  }
  const { clientId, clientSecret, redirectUri, topic } = client
  const simulator = await startGoogle({ clientId, clientSecret, redirectUris: [redirectUri], topic })
  project.provide('google', { url: simulator.url, ...client })
  return () => simulator.close()
}
