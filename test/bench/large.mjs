// A mail with a 100 MB attachment: stored byte for byte, resumed after a kill, and the peak JS heap of the worker's isolate meanwhile.
import { createHash, randomBytes } from 'node:crypto'
import { freePort } from '../../scripts/lib/processes.mjs'
import { startApp, until } from '../support/running-app.mjs'
import { connect, imported, owner, sampleHeap, withDatabase } from './session.mjs'

const SIZE = 100 * 1024 * 1024

/** Adds rows for time, bytes, heap, resume and the index pass. */
export async function run({ dovecot, row }) {
  const file = randomBytes(SIZE)
  const digest = createHash('sha256').update(file).digest('hex')
  const encoded = file.toString('base64').replace(/(.{76})/g, '$1\r\n')
  const head = [
    'From: <big@customer.example>',
    'To: <large@bench.example>',
    'Subject: Large file',
    'Message-ID: <large-1@customer.example>',
    'Date: Fri, 20 Nov 2026 08:00:00 +0000',
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary="b"',
    '',
    '--b',
    'Content-Type: text/plain',
    '',
    'See attached.',
    '--b',
    'Content-Type: application/octet-stream; name="big.bin"',
    'Content-Transfer-Encoding: base64',
    'Content-Disposition: attachment; filename="big.bin"',
    '',
    '',
  ].join('\r\n')
  const raw = Buffer.concat([Buffer.from(head), Buffer.from(encoded), Buffer.from('\r\n--b--\r\n')])
  dovecot.deliver(raw, 'large')
  const inspector = await freePort()
  const env = { POSTROOM_INSPECTOR_PORT: String(inspector) }
  let app = await startApp({ env })
  try {
    const session = await owner(app)
    const heap = await sampleHeap(inspector)
    const started = performance.now()
    const inbox = await connect(session, app, dovecot, 'large')
    await imported(session, app, inbox.id, 1)
    const seconds = (performance.now() - started) / 1000
    const peak = heap.stop()
    row('100 MB attachment, connect to stored', `${seconds.toFixed(1)} s`, '–', null)
    row(
      'peak JS heap of the worker meanwhile',
      `${(peak.max / 1e6).toFixed(1)} MB (${peak.samples} samples)`,
      'under 48 MB',
      peak.samples > 10 && peak.max < 48e6,
    )
    row(
      'stored byte for byte',
      await fetchedDigest(session, app, digest),
      'same SHA-256',
      (await fetchedDigest(session, app, digest)) === 'same SHA-256',
    )
    await app.dispose()

    app = await startApp({ env })
    const again = await owner(app)
    const second = await connect(again, app, dovecot, 'large')
    const before = await until(
      'the upload to be half way',
      () =>
        withDatabase(app, (db) => {
          const upload = db.prepare('SELECT upload FROM ledger WHERE upload IS NOT NULL').get()?.upload
          const offset = upload ? JSON.parse(upload).offset : 0
          return offset > 30e6 ? offset : 0
        }),
      60_000,
      20,
    )
    await app.kill()
    app = await startApp({ state: app.state, port: app.port, env })
    const resumed = await owner(app)
    await imported(resumed, app, second.id, 1)
    const log = app.log()
    const at = Number(/"event":"fetch\.resumed".*?"offset":(\d+)/.exec(log)?.[1] ?? 0)
    row(
      'killed at',
      `${(before / 1e6).toFixed(0)} MB, resumed at ${(at / 1e6).toFixed(0)} MB, ${await fetchedDigest(resumed, app, digest)}`,
      'resumes instead of restarting',
      at >= before && (await fetchedDigest(resumed, app, digest)) === 'same SHA-256',
    )
  } finally {
    await app.dispose()
  }
  const { indexSpeed } = await import('./index-pass.mjs')
  const speed = await indexSpeed(raw)
  row('index pass', `${speed.toFixed(0)} MB/s`, 'at least 100 MB/s', speed >= 100)
}

async function fetchedDigest(session, app, expected) {
  const { items } = await session.api('GET', '/api/tickets')
  const ticket = await session.api('GET', `/api/tickets/${items[0].id}`)
  const attachment = ticket.messages[0].attachments[0]
  const response = await fetch(`${app.base}/api/attachments/${attachment.id}`, {
    headers: { cookie: session.jar.cookie },
  })
  const hash = createHash('sha256')
  for await (const chunk of response.body) hash.update(chunk)
  return hash.digest('hex') === expected ? 'same SHA-256' : 'DIFFERENT BYTES'
}
