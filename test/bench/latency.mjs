// One new mail, from the poke to the ticket readable over the API; alone and in bursts of ten.
import { pause, startApp, until } from '../support/running-app.mjs'
import { mailMix } from './mix.mjs'
import { connect, imported, owner, percentile } from './session.mjs'

const SINGLE = 60
const BURSTS = 8
const BURST = 10

/** Adds p50 and p95 of both. */
export async function run({ dovecot, row }) {
  const mails = [...mailMix({ count: 20 + SINGLE + BURSTS * BURST, seed: 3, scale: 0.2 })]
  const app = await startApp({ env: { POSTROOM_POLL_SECONDS: '3600' } })
  try {
    const session = await owner(app)
    for (const mail of mails.splice(0, 20)) dovecot.deliver(mail.raw, 'latency')
    const inbox = await connect(session, app, dovecot, 'latency')
    let total = 20
    await imported(session, app, inbox.id, total)
    /** Pokes and polls the ticket list until a message count of `total` is readable; answers ms. */
    const arrive = async (count) => {
      for (const mail of mails.splice(0, count)) dovecot.deliver(mail.raw, 'latency')
      total += count
      const started = performance.now()
      void session.api('POST', `/api/inboxes/${inbox.id}/sync`)
      await until(
        'the ticket',
        async () => {
          const { items } = await session.api('GET', '/api/tickets?limit=100')
          return (
            items.reduce((sum, ticket) => sum + ticket.messageCount, 0) >= total ||
            (await session.api('GET', `/api/inboxes/${inbox.id}/ledger?limit=1`)).summary.byDisposition.ticket_created +
              ((await session.api('GET', `/api/inboxes/${inbox.id}/ledger?limit=1`)).summary.byDisposition
                .reply_added ?? 0) >=
              total
          )
        },
        20_000,
        10,
      )
      const ms = performance.now() - started
      await pause(150)
      return ms
    }
    const single = []
    for (let i = 0; i < SINGLE; i++) single.push(await arrive(1))
    row(
      'one new mail, poke to ticket readable',
      `p50 ${percentile(single, 50).toFixed(0)} ms, p95 ${percentile(single, 95).toFixed(0)} ms (n=${SINGLE})`,
      'p95 under 500 ms',
      percentile(single, 95) < 500,
    )
    const bursts = []
    for (let i = 0; i < BURSTS; i++) bursts.push(await arrive(BURST))
    row(
      `a burst of ${BURST}, poke to the last ticket readable`,
      `p50 ${percentile(bursts, 50).toFixed(0)} ms, p95 ${percentile(bursts, 95).toFixed(0)} ms (n=${BURSTS})`,
      'p95 under 500 ms',
      percentile(bursts, 95) < 500,
    )
  } finally {
    await app.dispose()
  }
}
