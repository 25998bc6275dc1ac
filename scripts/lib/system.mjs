// Programs the tests need beside npm's packages: Dovecot and Chromium. Installed by the system's package manager where that is allowed.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const NEEDS = {
  dovecot: {
    paths: [
      '/usr/sbin/dovecot',
      '/usr/local/sbin/dovecot',
      '/opt/homebrew/sbin/dovecot',
      '/opt/homebrew/opt/dovecot/sbin/dovecot',
    ],
    apt: 'dovecot-imapd',
    brew: 'dovecot',
  },
  openssl: {
    paths: ['/usr/bin/openssl', '/usr/local/bin/openssl', '/opt/homebrew/bin/openssl'],
    apt: 'openssl',
    brew: 'openssl',
  },
  chromium: {
    paths: [
      process.env.CHROMIUM_PATH,
      '/usr/bin/chromium',
      '/usr/bin/chromium-browser',
      '/usr/bin/google-chrome',
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
      '/Applications/Chromium.app/Contents/MacOS/Chromium',
    ],
    apt: 'chromium',
    brew: '--cask chromium',
  },
}

/** Path of a needed program, or null. */
export function findProgram(name) {
  return NEEDS[name].paths.find((candidate) => candidate && existsSync(candidate)) ?? null
}

/** Installs what is missing if we may (root or passwordless sudo, apt-get); answers the names still missing with what to run by hand. */
export function ensurePrograms(names) {
  const missing = () => names.filter((name) => !findProgram(name))
  if (missing().length > 0 && existsSync('/usr/bin/apt-get')) {
    const prefix =
      process.getuid?.() === 0 ? [] : spawnSync('sudo', ['-n', 'true']).status === 0 ? ['sudo', '-n'] : null
    if (prefix) {
      const packages = missing().map((name) => NEEDS[name].apt)
      console.log(`Installing ${packages.join(', ')} (apt-get) …`)
      const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
      for (const args of [
        ['update', '-qq'],
        ['install', '-y', '-qq', '--no-install-recommends', ...packages],
      ]) {
        const [command, ...rest] = [...prefix, 'apt-get', ...args]
        const done = spawnSync(command, rest, { env, encoding: 'utf8' })
        if (done.status !== 0) console.error(`${done.stdout}${done.stderr}`)
      }
    }
  }
  return missing().map(
    (name) =>
      `${name}: install it with "apt-get install ${NEEDS[name].apt}" (Debian, Ubuntu) or "brew install ${NEEDS[name].brew}" (macOS)`,
  )
}
