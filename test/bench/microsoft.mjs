// Microsoft 365 against the simulator.
import { connectMicrosoft } from '../support/microsoft.mjs'
import { simulatorControl } from '../support/simulator.mjs'
import { backlog, large, latency, many } from './accounts.mjs'

export const MICROSOFT = {
  name: 'Microsoft 365',
  address: 'support@contoso.example',
  domain: 'contoso.example',
  control: (app) => simulatorControl(app.microsoftUrl),
  connect: connectMicrosoft,
  announcements: 'notifications',
  timed: true,
  forge: ['subscriptions/forge', 'unknown_subscription'],
}

/** Adds the rows. The simulator holds to Graph's limits: 4 requests at once for a mailbox, 10,000 in ten minutes. */
export async function run({ row }) {
  await backlog(MICROSOFT, row, {})
  await latency(MICROSOFT, row)
  await many(MICROSOFT, row)
  await large(MICROSOFT, row)
}
