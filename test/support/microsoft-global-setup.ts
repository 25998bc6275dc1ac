// Node side of the `microsoft` project: starts the simulator once and tells the tests in workerd where it is.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestProject } from 'vitest/node'
import { APPS, startMicrosoft } from '../simulators/microsoft/server.ts'

export type MicrosoftTestServer = {
  url: string
  clientId: string
  clientSecret: string
  redirectUri: string
  listener: string
}
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
  const listener = await listen()
  project.provide('microsoft', { url: simulator.url, clientId, clientSecret, redirectUri, listener: listener.url })
  return async () => {
    await simulator.close()
    listener.close()
  }
}

/** Something that proves an address to Graph as the product does, and takes every notification. */
async function listen(): Promise<{ url: string; close(): void }> {
  const server = createServer((request, response) => {
    request.resume()
    const token = new URL(request.url ?? '/', 'http://x').searchParams.get('validationToken')
    response.writeHead(token === null ? 202 : 200, { 'content-type': 'text/plain' }).end(token ?? '')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, close: () => server.close() }
}
