// What is measured of every provider that is reached by its API and announces mail, against its simulator: push to committed ticket, a backlog,
// 200 inboxes pushed at once, a mail as large as the provider takes. A vendor says how it is driven (google.mjs, microsoft.mjs).
import { createHash, randomBytes } from 'node:crypto'
import { freePort } from '../../scripts/lib/processes.mjs'
import { pause, startApp, until } from '../support/running-app.mjs'
import { rawMail } from '../support/simulator.mjs'
import { mailMix } from './mix.mjs'
import { imported, owner, percentile, sampleHeap, secondOwner, withDatabase } from './session.mjs'

const BACKLOG = 1000
const SINGLE = 60
const INBOXES = 200
/**
 * @typedef {object} Vendor
 * @property {string} name as it is called in the rows
 * @property {string} address an account that the simulator has from the start
 * @property {(app: object) => Function} control the simulator's control endpoints
 * @property {(options: object) => Promise<object>} connect makes and connects an inbox
 * @property {string} domain where the simulator takes further accounts
 * @property {string} announcements the control that holds and releases announcements
 * @property {boolean} [timed] whether the simulator tells how long each of its announcements took to be answered
 * @property {[string, string]} forge control and variant that send one announcement on purpose
 */

async function started(vendor, env = {}) {
  const app = await startApp({ env })
  const session = await owner(app)
  const control = vendor.control(app)
  const connect = (address, importDays = 3650) =>
    vendor.connect({ base: app.base, api: session.api, cookie: session.jar.cookie, control, address, importDays })
  return { app, session, control, connect }
}

/**
 * A backlog until every ticket is readable. `lift` prepares an app without the provider's quota; without it `allowed` is what the quota lets
 * through, mails per second.
 */
export async function backlog(vendor, row, { env = {}, lift = null, allowed = null }) {
  const { app, session, control, connect } = await started(vendor, env)
  try {
    if (lift) await lift(control)
    const { address } = vendor
    let bytes = 0
    for (const mail of mailMix({ count: BACKLOG, to: address })) {
      bytes += mail.raw.length
      await control('deliver', rawMail(address, mail.raw))
    }
    const begun = performance.now()
    const inbox = await connect(address)
    const shown = watchStatus(session, inbox.id)
    await imported(session, app, inbox.id, BACKLOG)
    const seconds = (performance.now() - begun) / 1000
    const rate = BACKLOG / seconds
    const troubled = await shown()
    if (allowed === null) {
      row(
        `${vendor.name} backlog of ${BACKLOG} mails (${Math.round(bytes / BACKLOG / 1000)} KB mean), complete`,
        `${rate.toFixed(0)} mails/s`,
        'at least 60',
        rate >= 60,
      )
    } else {
      row(
        `${vendor.name} backlog of ${BACKLOG} mails under the provider's quota, complete`,
        `${rate.toFixed(2)} mails/s in ${seconds.toFixed(0)} s (${((100 * rate) / allowed).toFixed(0)} % of ${allowed} mails/s)`,
        `at least ${(0.95 * allowed).toFixed(2)} mails/s`,
        rate >= 0.95 * allowed,
      )
    }
    const { quotaErrors } = await control('state')
    row(
      'quota errors meanwhile',
      `${quotaErrors} answered by the provider, ${troubled} seen on the inbox`,
      'none seen',
      troubled === 0,
    )
  } finally {
    await app.dispose()
  }
}

/**
 * More mail than the provider's quota lets through in one window, which is what `window` (s) is for: the first part at full speed, the rest
 * as soon as the window allows it, and no request that is refused.
 */
export async function acrossWindows(vendor, row, { count, window }) {
  const { app, session, control, connect } = await started(vendor)
  try {
    const { address } = vendor
    for (const mail of mailMix({ count, seed: 5, scale: 0.02, to: address }))
      await control('deliver', rawMail(address, mail.raw))
    const begun = performance.now()
    const inbox = await connect(address)
    const shown = watchStatus(session, inbox.id)
    await imported(session, app, inbox.id, count, 3 * window * 1000)
    const seconds = (performance.now() - begun) / 1000
    const troubled = await shown()
    const { quotaErrors } = await control('state')
    row(
      `${vendor.name} backlog of ${count} small mails, more than a window's quota`,
      `${seconds.toFixed(0)} s, ${quotaErrors} quota errors, ${troubled} times anything but connected`,
      `no errors, in a second window of ${window} s`,
      seconds < 2 * window && quotaErrors === 0 && troubled === 0,
    )
  } finally {
    await app.dispose()
  }
}

/** Looks at the inbox every second; answers how often it said anything but that all is well. */
function watchStatus(session, inboxId) {
  let troubled = 0
  let on = true
  const looking = (async () => {
    for (; on; await pause(1000)) {
      const inbox = await session.api('GET', `/api/inboxes/${inboxId}`)
      if (inbox.status !== 'connected' || inbox.statusDetail !== null) troubled += 1
    }
  })()
  return async () => {
    on = false
    await looking
    return troubled
  }
}

/** One mail at a time, from its delivery to the ticket in the list; and how long the answer to an announcement takes. */
export async function latency(vendor, row) {
  const { app, session, control, connect } = await started(vendor, { POSTROOM_POLL_SECONDS: '3600' })
  try {
    const address = 'support@acme.example'
    const inbox = await connect(address)
    await until(
      'push mode',
      async () => (await session.api('GET', `/api/inboxes/${inbox.id}`)).delivery.mode === 'push',
    )
    const times = []
    const mails = [...mailMix({ count: SINGLE, seed: 3, scale: 0.2, to: address })]
    for (const [index, mail] of mails.entries()) {
      await pause(1_100) // Gmail announces at most once a second
      await control('deliver', rawMail(address, mail.raw))
      const begun = performance.now()
      await until(
        'the ticket',
        async () => {
          const { items } = await session.api('GET', '/api/tickets?limit=100')
          return items.reduce((sum, ticket) => sum + ticket.messageCount, 0) > index
        },
        30_000,
        10,
      )
      times.push(performance.now() - begun)
    }
    row(
      `${vendor.name}: push to ticket readable`,
      `p50 ${percentile(times, 50).toFixed(0)} ms, p95 ${percentile(times, 95).toFixed(0)} ms (n=${SINGLE})`,
      'p95 under 1,000 ms',
      percentile(times, 95) < 1000,
    )
    const answers = []
    for (let i = 0; i < SINGLE; i++) {
      const begun = performance.now()
      const [forge, variant] = vendor.forge
      await control(forge, { account: address, variant })
      answers.push(performance.now() - begun)
    }
    row(
      `${vendor.name}: a push is answered (simulator included)`,
      `p50 ${percentile(answers, 50).toFixed(0)} ms, p95 ${percentile(answers, 95).toFixed(0)} ms (n=${SINGLE})`,
      'under 100 ms',
      percentile(answers, 95) < 100,
    )
  } finally {
    await app.dispose()
  }
}

/** As many inboxes as two large desks have, announced in one go; each mail has to land in its own. */
export async function many(vendor, row) {
  const { app, control, connect } = await started(vendor, { POSTROOM_POLL_SECONDS: '3600' })
  try {
    const other = await secondOwner(app)
    const connectOther = (address) =>
      vendor.connect({ base: app.base, api: other.api, cookie: other.jar.cookie, control, address, importDays: 0 })
    const addresses = Array.from({ length: INBOXES }, (_, index) => `inbox${index}@${vendor.domain}`)
    const owners = new Map()
    for (const [index, email] of addresses.entries()) {
      await control('accounts', { email })
      const inbox = await (index % 2 ? connectOther(email) : connect(email, 0))
      owners.set(inbox.id, email)
    }
    await until(
      'push everywhere',
      () =>
        withDatabase(
          app,
          (db) => db.prepare("SELECT count(*) AS n FROM inboxes WHERE delivery_mode = 'push'").get().n === INBOXES,
        ),
      120_000,
      500,
    )
    await control(vendor.announcements, { next: 'hold', count: 10_000 })
    for (const email of addresses)
      await control('deliver', { to: email, from: 'jane@customer.example', subject: `For ${email}`, text: 'Hello' })
    const begun = performance.now()
    await control(`${vendor.announcements}/release`, {})
    const landed = () =>
      withDatabase(app, (db) =>
        db
          .prepare(
            'SELECT t.inbox_id AS inboxId, t.subject, i.tenant_id = t.tenant_id AS own FROM tickets t JOIN inboxes i ON i.id = t.inbox_id',
          )
          .all(),
      )
    await until(
      'a ticket in each inbox',
      () => new Set(landed().map((ticket) => ticket.inboxId)).size === INBOXES,
      180_000,
      50,
    )
    const seconds = (performance.now() - begun) / 1000
    await pause(3_000)
    const tickets = landed()
    const crossed = tickets.filter(({ inboxId, subject, own }) => !own || subject !== `For ${owners.get(inboxId)}`)
    row(
      `${vendor.name}: ${INBOXES} inboxes of two tenants pushed at once`,
      `${tickets.length} tickets, ${crossed.length} crossed, the last after ${seconds.toFixed(1)} s`,
      'none lost, doubled or crossed',
      tickets.length === INBOXES && crossed.length === 0,
    )
    if (vendor.timed) await answers(control, row)
  } finally {
    await app.dispose()
  }
}

/** How long the POSTs of such a burst took to be answered, each about many inboxes of both tenants. */
async function answers(control, row) {
  const { notifications } = await control('state')
  const posts = notifications.deliveries.filter(({ items, status }) => items > 1 && status !== null)
  const times = posts.map(({ ms }) => ms)
  const items = posts.reduce((sum, post) => sum + post.items, 0)
  row(
    'their announcements, several inboxes a POST, answered',
    `p50 ${percentile(times, 50)} ms, slowest ${Math.max(...times)} ms (${posts.length} POSTs, ${items} announcements)`,
    'under 100 ms',
    posts.length > 0 && Math.max(...times) < 100 && posts.every(({ status }) => status === 202),
  )
}

/** 34 MB on the wire: what the providers take at most. */
export async function large(vendor, row) {
  const inspector = await freePort()
  const { app, session, control, connect } = await started(vendor, { POSTROOM_INSPECTOR_PORT: String(inspector) })
  try {
    const { address } = vendor
    const file = randomBytes(25_000_000).toString('base64')
    const raw = [
      'From: big@customer.example',
      `To: ${address}`,
      'Subject: Large file',
      'Message-ID: <large@customer.example>',
      'MIME-Version: 1.0',
      'Content-Type: application/octet-stream; name="big.bin"',
      'Content-Transfer-Encoding: base64',
      'Content-Disposition: attachment; filename="big.bin"',
      '',
      file.replace(/(.{76})/g, '$1\r\n'),
      '',
    ].join('\r\n')
    const digest = createHash('sha256').update(raw).digest('hex')
    const inbox = await connect(address)
    const heap = await sampleHeap(inspector)
    await control('deliver', rawMail(address, raw))
    const begun = performance.now()
    await imported(session, app, inbox.id, 1)
    const seconds = (performance.now() - begun) / 1000
    const peak = heap.stop()
    const { items } = await session.api('GET', '/api/tickets')
    const { messages } = await session.api('GET', `/api/tickets/${items[0].id}`)
    const original = await fetch(`${app.base}/api/messages/${messages[0].id}/original`, {
      headers: { cookie: session.jar.cookie },
    })
    const hash = createHash('sha256')
    for await (const chunk of original.body) hash.update(chunk)
    const same = hash.digest('hex') === digest
    row(
      `${vendor.name}: a mail of ${(raw.length / 1e6).toFixed(0)} MB, push to attachment stored`,
      `${seconds.toFixed(1)} s, ${same ? 'same SHA-256' : 'DIFFERENT BYTES'}`,
      'same SHA-256',
      same,
    )
    row(
      'peak JS heap of the worker meanwhile',
      `${(peak.max / 1e6).toFixed(1)} MB (${peak.samples} samples)`,
      'under 48 MB',
      peak.samples > 10 && peak.max < 48e6,
    )
  } finally {
    await app.dispose()
  }
}
