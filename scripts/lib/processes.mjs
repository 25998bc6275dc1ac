// Children of the local scripts: started in their own process group, known by a file in the state folder, ended together.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'

/** Ends a process group, politely and then for good. */
export async function endGroup(pid, graceMs = 4000) {
  const signal = (name) => {
    try {
      process.kill(-pid, name)
      return true
    } catch {
      return false
    }
  }
  if (!signal('SIGTERM')) return
  for (const until = Date.now() + graceMs; Date.now() < until; ) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    if (!signal(0)) return
  }
  signal('SIGKILL')
}

/** Remembers the group of a run, so that the next start can end what a killed one left behind. */
export function rememberGroup(state, pid) {
  writeFileSync(path.join(state, 'run.json'), JSON.stringify({ pid, parent: process.pid }))
}

/** Ends the group a killed start left running: two runtimes on one state folder would damage it. Refuses if its start still lives. */
export async function endLeftover(state) {
  const file = path.join(state, 'run.json')
  if (!existsSync(file)) return
  const { pid, parent } = JSON.parse(readFileSync(file, 'utf8'))
  if (alive(parent) && commandOf(parent).includes('start.mjs')) {
    throw new Error(
      `Postroom already runs on ${state} (process ${parent}). Stop it first, or set POSTROOM_STATE and PORT for a second one.`,
    )
  }
  if (alive(-pid)) await endGroup(pid)
  rmSync(file, { force: true })
}

function alive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function commandOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return 'start.mjs' // no /proc: believe the pid
  }
}

/** A free loopback port, the wished one if it is free. */
export function freePort(wished = 0) {
  return new Promise((resolve, reject) => {
    const server = net.createServer()
    server.once('error', () => (wished ? freePort(0).then(resolve, reject) : reject(new Error('no free port'))))
    server.listen(wished, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}
