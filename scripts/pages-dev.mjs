// `npm run pages:dev`: the built UI under `wrangler pages dev` with its Function bound to the Worker that `npm start` runs, as production has it.
import { spawn } from 'node:child_process'
import path from 'node:path'
import { ensurePackages, ROOT, toolEnv } from './lib/install.mjs'
import { runningInstance } from './lib/local.mjs'
import { freePort } from './lib/processes.mjs'

ensurePackages()
await runningInstance()
const port = await freePort(8788)
const child = spawn(
  'wrangler',
  [
    'pages',
    'dev',
    '--ip',
    '127.0.0.1',
    '--port',
    String(port),
    '--service',
    'API=postroom',
    '--show-interactive-dev-session=false',
  ],
  {
    cwd: path.join(ROOT, 'pages'),
    env: toolEnv(),
    stdio: 'inherit',
  },
)
child.on('exit', (code) => process.exit(code ?? 1))
