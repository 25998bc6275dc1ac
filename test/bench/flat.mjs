// Cost per mail does not grow with the mailbox: the same small mails, 500 and 20,000 of them.
import { startApp } from '../support/running-app.mjs'
import { mailMix } from './mix.mjs'
import { connect, imported, owner } from './session.mjs'

/** Adds a row with milliseconds per mail at both sizes. */
export async function run({ dovecot, row }) {
  const cost = {}
  for (const count of [500, 20_000]) {
    const user = `flat${count}`
    for (const mail of mailMix({ count, seed: count, scale: 0.02 })) dovecot.deliver(mail.raw, user)
    const app = await startApp()
    try {
      const session = await owner(app)
      const started = performance.now()
      const inbox = await connect(session, app, dovecot, user)
      await imported(session, app, inbox.id, count, 1_800_000)
      cost[count] = (performance.now() - started) / count
    } finally {
      await app.dispose()
    }
  }
  row(
    'cost per mail, 500 → 20,000 small mails in the mailbox',
    `${cost[500].toFixed(1)} ms → ${cost[20_000].toFixed(1)} ms`,
    'flat (within 1.25×)',
    cost[20_000] <= cost[500] * 1.25,
  )
}
