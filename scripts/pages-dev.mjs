// `npm run pages:dev`: the built UI under `wrangler pages dev` with its Function bound to the Worker that `npm start` runs, as production has it.
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { ensurePackages, ROOT, toolEnv } from './lib/install.mjs'
import { runningInstance } from './lib/local.mjs'
import { freePort } from './lib/processes.mjs'

ensurePackages()
await runningInstance()
const port = await freePort(8788)
// Inside the checkout wrangler would mix the Worker's configuration into the Pages project's.
const folder = mkdtempSync(path.join(os.tmpdir(), 'postroom-pages-'))
cpSync(path.join(ROOT, 'pages/functions'), path.join(folder, 'functions'), { recursive: true })
const child = spawn(
  'wrangler',
  [
    'pages',
    'dev',
    path.join(ROOT, 'dist/web'),
    '--ip',
    '127.0.0.1',
    '--port',
    String(port),
    '--service',
    'API=postroom',
    '--compatibility-date',
    '2026-10-20',
    '--show-interactive-dev-session=false',
  ],
  { cwd: folder, env: toolEnv(), stdio: 'inherit' },
)
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
child.on('exit', (code) => {
  rmSync(folder, { recursive: true, force: true })
  process.exit(code ?? 1)
})
