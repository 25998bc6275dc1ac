// `npm run deploy:check`: dry-runs both Worker editions and the Pages build, prints bundle sizes, and fails over the limits.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { ensurePackages, ROOT, toolEnv } from './lib/install.mjs'

const LIMITS = { worker: 1_000_000, firstLoad: 275_000 }
ensurePackages()
const out = mkdtempSync(path.join(os.tmpdir(), 'postroom-deploy-'))
const rows = []
try {
  for (const [edition, args] of [
    ['community', ['worker/index.ts']],
    ['enterprise', ['worker/ee/index.ts', '--name', 'postroom-ee']],
  ]) {
    const folder = path.join(out, edition)
    tool('wrangler', ['deploy', ...args, '--dry-run', '--minify', '--outdir', folder])
    const bundle = readdirSync(folder).filter((name) => name.endsWith('.js'))
    rows.push({
      what: `Worker, ${edition}`,
      bytes: bundle.reduce((sum, name) => sum + gzip(path.join(folder, name)), 0),
      limit: LIMITS.worker,
    })
  }
  // vite.config.ts adds up what the first screen of a signed-in agent loads.
  const firstLoad = /first load: ([\d.]+) KB/.exec(tool('vite', ['build']))?.[1]
  rows.push({ what: 'first UI load', bytes: Math.round(Number(firstLoad) * 1000), limit: LIMITS.firstLoad })
  tool('wrangler', ['pages', 'functions', 'build', 'pages/functions', '--outdir', path.join(out, 'pages')])
  rows.push({ what: 'Pages Function', bytes: gzip(path.join(out, 'pages/index.js')), limit: LIMITS.worker })
} finally {
  rmSync(out, { recursive: true, force: true })
}

console.log('what                  gzip bytes      limit')
for (const row of rows)
  console.log(
    `${row.what.padEnd(20)} ${String(row.bytes).padStart(11)} ${String(row.limit).padStart(10)}  ${row.bytes <= row.limit ? 'ok' : 'TOO LARGE'}`,
  )
process.exit(rows.some((row) => !(row.bytes <= row.limit)) ? 1 : 0)

function tool(command, args) {
  const done = spawnSync(command, args, {
    cwd: ROOT,
    env: toolEnv({ CI: 'true', NODE_ENV: 'production' }),
    encoding: 'utf8',
  })
  if (done.status === 0) return done.stdout
  console.error(`${command} ${args.join(' ')} failed:\n${done.stdout}${done.stderr}`)
  process.exit(1)
}

function gzip(file) {
  return gzipSync(readFileSync(file), { level: 9 }).length
}
