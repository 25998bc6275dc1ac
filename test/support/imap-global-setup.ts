// Node side of the `imap` project: starts Dovecot, the hostile servers and a small HTTP control server, and tells the tests in workerd where they are.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startDovecot } from './dovecot.mjs'
import { imapServers } from './hostile-imap'
import { type Certificate, type HostileServer, type Script, startHostileServer } from './hostile-server'
import { smtpServers } from './hostile-smtp'

export type ImapTestServers = {
  dovecot: { host: string; imapPort: number; imapsPort: number; password: string }
  imap: Record<string, number>
  smtp: Record<string, number>
  /** base URL: POST /deliver, /reset-uidvalidity, /remove; GET /flags, /heard */
  control: string
}
declare module 'vitest' {
  export interface ProvidedContext {
    servers: ImapTestServers
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const tlsDir = process.env.POSTROOM_TEST_TLS
  if (!tlsDir || process.env.NODE_EXTRA_CA_CERTS !== join(tlsDir, 'ca.pem')) {
    throw new Error(
      'workerd must trust the test authority before it starts: run `npm run test:imap` (test/support/run-imap.mjs)',
    )
  }
  const dir = mkdtempSync(join(tmpdir(), 'postroom-dovecot-'))
  const dovecot = await startDovecot({ dir, tlsDir })
  const key = readFileSync(dovecot.certificates.key, 'utf8')
  const certificate = (path: string): Certificate => ({ key, cert: readFileSync(path, 'utf8') })
  const certificates = {
    good: certificate(dovecot.certificates.cert),
    stranger: certificate(dovecot.certificates.strangerCert),
    otherName: certificate(dovecot.certificates.otherNameCert),
  }
  const running = new Map<string, HostileServer>()
  const startAll = async (side: string, scripts: Record<string, Script>) => {
    const ports: Record<string, number> = {}
    const start = async (name: string, script: Script, tls?: Certificate) => {
      const server = await startHostileServer(script, tls)
      running.set(`${side}/${name}`, server)
      ports[name] = server.port
    }
    for (const [name, script] of Object.entries(scripts)) await start(name, script)
    const { honest } = scripts
    if (honest) {
      await start('tls', honest, certificates.good)
      await start('tls-stranger', honest, certificates.stranger)
      await start('tls-other-name', honest, certificates.otherName)
    }
    return ports
  }
  const control = await startControl(dovecot, running)
  project.provide('servers', {
    dovecot: {
      host: dovecot.host,
      imapPort: dovecot.imapPort,
      imapsPort: dovecot.imapsPort,
      password: dovecot.password,
    },
    imap: await startAll('imap', imapServers(certificates)),
    smtp: await startAll('smtp', smtpServers(certificates)),
    control: `http://127.0.0.1:${(control.address() as AddressInfo).port}`,
  })
  return async () => {
    control.closeAllConnections()
    control.close()
    for (const server of running.values()) await server.close()
    await dovecot.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

/** Lets tests in workerd do what only the machine can: deliver, delete, look at flags, read what a hostile server heard. */
async function startControl(dovecot: Awaited<ReturnType<typeof startDovecot>>, running: Map<string, HostileServer>) {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://control')
    const user = url.searchParams.get('user') ?? ''
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const answer = (body: unknown) => response.end(JSON.stringify(body ?? null))
      if (url.pathname === '/deliver') answer(dovecot.deliver(Buffer.concat(chunks), user))
      else if (url.pathname === '/reset-uidvalidity') answer(dovecot.resetUidValidity(user))
      else if (url.pathname === '/remove') answer(dovecot.remove(user, Number(url.searchParams.get('index'))))
      else if (url.pathname === '/flags') answer(dovecot.flags(user))
      else if (url.pathname === '/heard') answer(running.get(url.searchParams.get('server') ?? '')?.heard)
      else response.writeHead(404).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}
