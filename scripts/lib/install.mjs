// Brings the checkout's own packages up to date, so that both README commands work right after a clone. Plain Node 20, no packages.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')
export const BIN = path.join(ROOT, 'node_modules/.bin')

/** Runs `npm ci` when node_modules is missing or belongs to another lockfile. Exits the process if that fails. */
export function ensurePackages() {
  if (borrowed()) return
  const lock = createHash('sha256')
    .update(readFileSync(path.join(ROOT, 'package-lock.json')))
    .digest('hex')
  const stamp = path.join(ROOT, 'node_modules/.postroom-lock')
  const complete = existsSync(path.join(BIN, 'node')) && existsSync(path.join(BIN, 'wrangler'))
  if (complete && existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return
  console.log('Installing packages (npm ci) …')
  const run = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: ROOT, stdio: 'inherit' })
  if (run.status !== 0) {
    console.error('npm ci failed; see above.')
    process.exit(1)
  }
  writeFileSync(stamp, lock)
}

/** A node_modules that is a link belongs to another checkout, as in the guards' scratch copy; `npm ci` would empty it. */
function borrowed() {
  return lstatSync(path.join(ROOT, 'node_modules'), { throwIfNoEntry: false })?.isSymbolicLink() ?? false
}

/** The environment for tools of this checkout: its own binaries, the Node 22 it brings included, come first. */
export function toolEnv(extra = {}) {
  return {
    ...process.env,
    PATH: `${BIN}${path.delimiter}${process.env.PATH}`,
    WRANGLER_SEND_METRICS: 'false',
    CLOUDFLARE_CF_FETCH_ENABLED: 'false',
    ...extra,
  }
}
