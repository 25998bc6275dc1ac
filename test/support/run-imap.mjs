// Runs the `imap` project. workerd reads NODE_EXTRA_CA_CERTS once, before any test code runs, so the authority is made here and vitest starts after it.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeCertificates, requireDovecot } from './dovecot.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
try {
  requireDovecot()
} catch (error) {
  console.error(error.message)
  process.exit(1)
}
const tlsDir = mkdtempSync(join(tmpdir(), 'postroom-tls-'))
const { ca } = makeCertificates(tlsDir)
const vitest = spawn(
  process.execPath,
  [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--project', 'imap', ...process.argv.slice(2)],
  { cwd: root, stdio: 'inherit', env: { ...process.env, NODE_EXTRA_CA_CERTS: ca, POSTROOM_TEST_TLS: tlsDir } },
)
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => vitest.kill(signal))
vitest.on('exit', (code, signal) => {
  rmSync(tlsDir, { recursive: true, force: true })
  process.exit(code ?? (signal ? 1 : 0))
})
