// Gmail against the simulator.
import { connectGoogle } from '../support/google.mjs'
import { simulatorControl } from '../support/simulator.mjs'
import { backlog, large, latency, many } from './accounts.mjs'

const GMAIL = {
  name: 'Gmail',
  address: 'support@acme.example',
  control: (app) => simulatorControl(app.googleUrl),
  connect: connectGoogle,
  domain: 'many.example',
  announcements: 'push',
  forge: ['push/forge', 'replay'],
}
/** 6,000 units a minute, 20 for a message (providers.md, the newer table): mails per second. */
const ALLOWED = 6000 / 20 / 60

/** Adds the rows. */
export async function run({ row }) {
  await backlog(GMAIL, row, {
    env: { GMAIL_UNITS_PER_MINUTE: '10000000' },
    lift: (control) => control('quota', { unitsPerMinute: null }),
  })
  await latency(GMAIL, row)
  await many(GMAIL, row)
  await large(GMAIL, row)
  await backlog(GMAIL, row, { allowed: ALLOWED })
}
