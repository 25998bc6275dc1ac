// Import of 1,000 mails from a local Dovecot until every ticket is readable and every attachment stored.
import { startApp } from '../support/running-app.mjs'
import { mailMix } from './mix.mjs'
import { connect, imported, owner, withDatabase } from './session.mjs'

const COUNT = 1000

/** Adds the throughput, threading and second-pass rows. */
export async function run({ dovecot, row }) {
  const threads = new Set()
  let bytes = 0
  let attachments = 0
  for (const mail of mailMix({ count: COUNT })) {
    threads.add(mail.thread)
    bytes += mail.raw.length
    attachments += mail.attachments
    dovecot.deliver(mail.raw, 'import')
  }
  const app = await startApp()
  try {
    const session = await owner(app)
    const started = performance.now()
    const inbox = await connect(session, app, dovecot, 'import')
    await imported(session, app, inbox.id, COUNT)
    const seconds = (performance.now() - started) / 1000
    row(
      `import of ${COUNT} mails (${Math.round(bytes / COUNT / 1000)} KB mean), complete`,
      `${(COUNT / seconds).toFixed(0)} mails/s`,
      'at least 60, aim 175',
      COUNT / seconds >= 60,
    )
    const stored = withDatabase(app, (db) => ({
      tickets: db.prepare('SELECT count(*) AS n FROM tickets').get().n,
      messages: db.prepare('SELECT count(*) AS n FROM messages').get().n,
      attachments: db.prepare("SELECT count(*) AS n FROM attachments WHERE state = 'stored'").get().n,
    }))
    const exact = stored.tickets === threads.size && stored.messages === COUNT && stored.attachments === attachments
    row(
      'threading and attachments exact',
      `${stored.tickets} tickets, ${stored.messages} messages, ${stored.attachments} attachments`,
      `${threads.size}, ${COUNT}, ${attachments}`,
      exact,
    )
    const again = await session.api('POST', `/api/inboxes/${inbox.id}/sync`)
    const after = withDatabase(app, (db) => db.prepare('SELECT count(*) AS n FROM messages').get().n)
    row(
      'a second pass adds',
      `${again.found} found, ${after - stored.messages} messages`,
      'nothing',
      again.found === 0 && after === stored.messages,
    )
  } finally {
    await app.dispose()
  }
}
