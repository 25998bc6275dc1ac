// A private Dovecot on 127.0.0.1 for tests and benchmarks: its own folder, ports, certificate authority and mailboxes. Works as root and as a plain user.
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

const AS_ROOT = process.getuid?.() === 0
/** nobody: Dovecot opens no mailbox as root */
const MAIL_UID = AS_ROOT ? 65534 : process.getuid?.()
const MAIL_GID = AS_ROOT ? 65534 : process.getgid?.()

/** The path of a program, or an error that says what to install. */
function program(name, paths, install) {
  const found = paths.find((path) => existsSync(path))
  if (!found) throw new Error(`${name} is not installed. Install it with: ${install}`)
  return found
}

const openssl = () =>
  program(
    'openssl',
    ['/usr/bin/openssl', '/usr/local/bin/openssl', '/opt/homebrew/bin/openssl'],
    'apt-get install openssl',
  )
const dovecotBinary = () =>
  program(
    'Dovecot (the IMAP tests need it)',
    ['/usr/sbin/dovecot', '/usr/local/sbin/dovecot', '/opt/homebrew/sbin/dovecot'],
    'apt-get install dovecot-imapd',
  )

/** Throws, with what to install, when Dovecot or openssl is missing. */
export function requireDovecot() {
  dovecotBinary()
  openssl()
}

/**
 * Makes a certificate authority, a server certificate for localhost signed by it, and two certificates that must be refused:
 * one of an unknown authority and one for another name. Files that exist are kept.
 * @param {string} dir
 * @returns {{ ca: string, cert: string, key: string, strangerCert: string, otherNameCert: string }} paths of PEM files; one key serves all server certificates
 */
export function makeCertificates(dir) {
  mkdirSync(dir, { recursive: true })
  const path = (name) => join(dir, name)
  const files = {
    ca: path('ca.pem'),
    cert: path('server.pem'),
    key: path('server.key'),
    strangerCert: path('stranger.pem'),
    otherNameCert: path('other-name.pem'),
  }
  if (existsSync(files.otherNameCert)) return files
  const run = (...args) => execFileSync(openssl(), args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const newKey = (file) => run('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', file)
  const authority = (name, label) => {
    newKey(path(`${name}.key`))
    const usage = 'keyUsage=critical,keyCertSign,cRLSign'
    run('req', '-x509', '-new', '-key', path(`${name}.key`), '-days', '30', '-subj', `/CN=${label}`, '-addext', usage, '-out', path(`${name}.pem`)) // biome-ignore format: one command
  }
  const sign = (by, out, names) => {
    writeFileSync(path('san.cnf'), `subjectAltName=${names}\nextendedKeyUsage=serverAuth\n`)
    run('req', '-new', '-key', files.key, '-subj', '/CN=Postroom test server', '-out', path('server.csr'))
    run('x509', '-req', '-in', path('server.csr'), '-CA', path(`${by}.pem`), '-CAkey', path(`${by}.key`), '-CAcreateserial', '-days', '30', '-extfile', path('san.cnf'), '-out', out) // biome-ignore format: one command
  }
  authority('ca', 'Postroom test authority')
  authority('unknown', 'Somebody else')
  newKey(files.key)
  sign('ca', files.cert, 'DNS:localhost,IP:127.0.0.1')
  sign('unknown', files.strangerCert, 'DNS:localhost')
  sign('ca', files.otherNameCert, 'DNS:mail.example.org')
  return files
}

/** A TCP port of 127.0.0.1 that is free right now. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

function configuration({ dir, certificates, password, imapPort, imapsPort }) {
  // As root Dovecot has users of its own; as somebody else everything runs as that somebody, by name.
  const name = (flag) => execFileSync('id', [flag]).toString().trim()
  const users = AS_ROOT
    ? ''
    : `default_internal_user = ${name('-un')}\ndefault_internal_group = ${name('-gn')}\ndefault_login_user = ${name('-un')}`
  return `
protocols = imap
listen = 127.0.0.1
base_dir = ${dir}/run
state_dir = ${dir}/state
log_path = ${dir}/dovecot.log
${users}
first_valid_uid = 0
ssl = yes
ssl_cert = <${certificates.cert}
ssl_key = <${certificates.key}
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
mail_location = maildir:~/Maildir
mail_fsync = never
mail_max_userip_connections = 100
passdb {
  driver = static
  args = password=${password}
}
userdb {
  driver = static
  args = uid=${MAIL_UID} gid=${MAIL_GID} home=${dir}/mail/%u
}
namespace inbox {
  inbox = yes
}
service imap-login {
  chroot =
  service_count = 0
  inet_listener imap {
    port = ${imapPort}
  }
  inet_listener imaps {
    port = ${imapsPort}
    ssl = yes
  }
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
`
}

/** Resolves once the port answers. */
async function answering(port, failed) {
  const { connect } = await import('node:net')
  for (let attempt = 0; attempt < 100; attempt++) {
    if (failed()) throw new Error(`Dovecot did not start: ${failed()}`)
    const up = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('data', () => resolve(true))
      socket.once('error', () => resolve(false))
      socket.once('close', () => resolve(false))
      setTimeout(() => socket.destroy(), 1000).unref()
    })
    if (up) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('Dovecot did not answer within five seconds')
}

/**
 * Starts Dovecot. Any user name may log in with the one password and has a mailbox of its own.
 * @param {{ dir: string, tlsDir?: string, ports?: { imap?: number, imaps?: number } }} options `dir`: an empty or missing folder that is ours;
 *   `tlsDir`: where makeCertificates has been before
 */
export async function startDovecot({ dir, tlsDir = join(dir, 'tls'), ports = {} }) {
  const binary = dovecotBinary()
  const certificates = makeCertificates(tlsDir)
  const imapPort = ports.imap ?? (await freePort())
  const imapsPort = ports.imaps ?? (await freePort())
  const password = 'dovecot-test-password-0001'
  const mailRoot = join(dir, 'mail')
  mkdirSync(mailRoot, { recursive: true })
  if (AS_ROOT) {
    chownSync(mailRoot, MAIL_UID, MAIL_GID)
    // mkdtemp makes folders that only we may pass through; the mail processes are somebody else.
    chmodSync(dir, 0o755)
  }
  writeFileSync(join(dir, 'dovecot.conf'), configuration({ dir, certificates, password, imapPort, imapsPort }))

  let output = ''
  let exited = ''
  const child = spawn(binary, ['-F', '-c', join(dir, 'dovecot.conf')], { stdio: ['ignore', 'pipe', 'pipe'] })
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const gone = new Promise((resolve) => {
    child.once('exit', (code) => {
      exited = output.trim() || `exit code ${code}, see ${dir}/dovecot.log`
      resolve()
    })
  })
  // A test run that dies takes Dovecot with it.
  const kill = () => child.kill('SIGTERM')
  process.once('exit', kill)
  await answering(imapPort, () => exited)

  const owned = (path) => {
    mkdirSync(path, { recursive: true })
    if (AS_ROOT) chownSync(path, MAIL_UID, MAIL_GID)
    return path
  }
  const maildir = (user) => {
    const home = owned(join(mailRoot, user))
    const dirs = owned(join(home, 'Maildir'))
    for (const part of ['cur', 'new', 'tmp']) owned(join(dirs, part))
    return dirs
  }
  const files = (user) =>
    ['cur', 'new']
      .flatMap((part) =>
        readdirSync(join(maildir(user), part)).map((name) => ({ name, path: join(maildir(user), part, name) })),
      )
      .map((file) => ({ ...file, flags: file.name.split(':2,')[1] ?? '' }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  let delivered = 0
  return {
    host: 'localhost',
    imapPort,
    imapsPort,
    /** path of the certificate authority's PEM file, for NODE_EXTRA_CA_CERTS */
    ca: certificates.ca,
    certificates,
    user: 'agent',
    password,
    /** the Maildir folder of a user */
    mailDir: (user = 'agent') => maildir(user),
    /** Puts raw bytes into a mailbox, the way a local delivery agent does. */
    deliver(raw, user = 'agent') {
      const name = `${Date.now()}.M${process.hrtime.bigint()}P${process.pid}_${String(++delivered).padStart(6, '0')}.localhost`
      const dirs = maildir(user)
      writeFileSync(join(dirs, 'tmp', name), raw)
      if (AS_ROOT) chownSync(join(dirs, 'tmp', name), MAIL_UID, MAIL_GID)
      renameSync(join(dirs, 'tmp', name), join(dirs, 'new', name))
    },
    /** Forgets UIDs, so that the mailbox comes back under a new UIDVALIDITY. No session of the user may be open. */
    resetUidValidity(user = 'agent') {
      for (const file of [
        'dovecot-uidlist',
        'dovecot.index',
        'dovecot.index.log',
        'dovecot.index.cache',
        'dovecot-uidvalidity',
      ]) {
        rmSync(join(maildir(user), file), { force: true })
      }
    },
    /** Deletes the message at `index` in order of delivery, as another mail program would. */
    remove(user, index) {
      const file = files(user)[index]
      if (file) rmSync(file.path)
    },
    /** Maildir flags of every message, in order of delivery: '' for a message nobody has seen. */
    flags: (user = 'agent') => files(user).map((file) => file.flags),
    async stop() {
      process.off('exit', kill)
      if (!exited) child.kill('SIGTERM')
      await gone
    },
  }
}
