// Bundle sizes, from the dry run that deploy:check makes.
import { spawnSync } from 'node:child_process'
import { ROOT, toolEnv } from '../../scripts/lib/install.mjs'

/** Adds a row per bundle. */
export async function run({ row }) {
  const done = spawnSync('node', ['scripts/deploy-check.mjs'], { cwd: ROOT, env: toolEnv(), encoding: 'utf8' })
  const lines = [...done.stdout.matchAll(/^(.+?)\s+(\d+)\s+(\d+)\s+(ok|TOO LARGE)$/gm)]
  if (lines.length === 0) throw new Error(done.stdout + done.stderr)
  for (const [, what, bytes, limit, verdict] of lines)
    row(`${what}, gzip`, `${(bytes / 1000).toFixed(0)} KB`, `under ${limit / 1000} KB`, verdict === 'ok')
}
