// Runs the real `npm start` for end-to-end tests and benchmarks: own port, own state folder, its whole output kept.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { ROOT, toolEnv } from '../../scripts/lib/install.mjs'
import { endGroup, freePort } from '../../scripts/lib/processes.mjs'

/**
 * Starts the app and waits until it is ready.
 * @param {{ state?: string, port?: number, env?: Record<string, string> }} [options] `state`: reuse a folder from an earlier run
 */
export async function startApp({
  state = mkdtempSync(path.join(os.tmpdir(), 'postroom-app-')),
  port = 0,
  env = {},
} = {}) {
  const chosen = port || (await freePort())
  const log = []
  const child = spawn('node', ['scripts/start.mjs'], {
    cwd: ROOT,
    env: toolEnv({ PORT: String(chosen), POSTROOM_STATE: state, ...env }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => log.push(String(data)))
  const ended = new Promise((resolve) => child.on('exit', resolve))
  const ready = async () => {
    for (const until = Date.now() + 150_000; Date.now() < until; await pause(100)) {
      if (log.join('').includes('is ready:')) return true
      if (child.exitCode !== null) return false
    }
    return false
  }
  if (!(await ready())) {
    child.kill('SIGTERM')
    throw new Error(`the app did not start:\n${log.join('')}`)
  }
  const local = JSON.parse(readFileSync(path.join(state, 'local.json'), 'utf8'))
  return {
    base: `http://localhost:${chosen}`,
    port: chosen,
    state,
    smtpPort: local.smtpPort,
    webPort: local.webPort,
    googleUrl: local.googleUrl ?? null,
    microsoftUrl: local.microsoftUrl ?? null,
    log: () => log.join(''),
    /** Process ids of the workerd processes of this run. */
    workerds: () => workerdsOf(state),
    /** A power cut: SIGKILL to the start script and everything below it. */
    async kill() {
      const file = path.join(state, 'run.json')
      const group = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).pid : null
      child.kill('SIGKILL')
      if (group) spawnSync('kill', ['-9', '--', `-${group}`])
      await ended
    },
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
    /** Stops and removes the state folder. */
    async dispose() {
      if (child.exitCode === null) {
        child.kill('SIGTERM')
        await Promise.race([ended, pause(10_000)])
      }
      const file = path.join(state, 'run.json')
      if (existsSync(file)) await endGroup(JSON.parse(readFileSync(file, 'utf8')).pid).catch(() => {})
      rmSync(state, { recursive: true, force: true })
    },
  }
}

function workerdsOf(state) {
  const { pid: group } = JSON.parse(readFileSync(path.join(state, 'run.json'), 'utf8'))
  const { stdout } = spawnSync('ps', ['-eo', 'pid=,pgid=,args='], { encoding: 'utf8' })
  return stdout.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line)
    return match && Number(match[2]) === group && match[3].includes('workerd serve') ? [Number(match[1])] : []
  })
}

/** Waits. */
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** Polls `probe` until it answers something truthy; throws with `what` after `ms`. */
export async function until(what, probe, ms = 30_000, every = 100) {
  for (const end = Date.now() + ms; ; await pause(every)) {
    const value = await probe()
    if (value) return value
    if (Date.now() > end) throw new Error(`waited ${ms} ms in vain for ${what}`)
  }
}
