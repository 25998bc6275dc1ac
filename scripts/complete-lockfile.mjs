// Completes package-lock.json after an install through a registry that lacks packages of other platforms: npm then leaves those out
// and `npm ci` refuses the file. Adds them with version and platform (no integrity), and removes download addresses.
// Usage, after a change of dependencies: node scripts/complete-lockfile.mjs
import fs from 'node:fs'

const FILE = 'package-lock.json'
const OS = ['darwin', 'win32', 'android', 'freebsd', 'openharmony', 'netbsd', 'openbsd', 'sunos', 'aix', 'linux']
const CPU = ['wasm32', 'arm64', 'riscv64', 'ppc64', 's390x', 'loong64', 'mips64el', 'ia32', 'arm', 'x64']
const lock = JSON.parse(fs.readFileSync(FILE, 'utf8'))
const added = []

for (const [place, entry] of Object.entries(lock.packages)) {
  delete entry.resolved
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (resolves(place, name)) continue
    const at = lock.packages[`node_modules/${name}`] ? `${place}/node_modules/${name}` : `node_modules/${name}`
    lock.packages[at] = platformPackage(name, version, entry.dev)
    added.push(at)
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)))
fs.writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`)
console.log(`added ${added.length}\n${added.join('\n')}`)

/** Whether a package of that name is found from `place` upwards, as Node resolves it. */
function resolves(place, name) {
  for (let base = place; ; base = base.slice(0, Math.max(0, base.lastIndexOf('node_modules/') - 1))) {
    if (lock.packages[`${base ? `${base}/` : ''}node_modules/${name}`]) return true
    if (base === '') return false
  }
}

/** npm's lockfile entry of a binary package, its platform read off its name. */
function platformPackage(name, version, dev) {
  const os = name.includes('windows') ? 'win32' : OS.find((candidate) => name.includes(candidate))
  const cpu = CPU.find((candidate) => name.includes(candidate)) ?? (name.endsWith('64') ? 'x64' : undefined)
  const libc =
    os === 'linux' ? (name.includes('musl') ? 'musl' : name.includes('gnu') ? 'glibc' : undefined) : undefined
  return {
    version: version.replace(/^[\^~]/, ''),
    ...(cpu ? { cpu: [cpu] } : {}),
    ...(dev ? { dev: true } : {}),
    optional: true,
    ...(os ? { os: [os] } : {}),
    ...(libc ? { libc: [libc] } : {}),
  }
}
