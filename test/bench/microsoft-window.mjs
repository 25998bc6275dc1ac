// A backlog that Graph's quota for one mailbox, 10,000 requests in ten minutes, does not let through at once.
import { acrossWindows } from './accounts.mjs'
import { MICROSOFT } from './microsoft.mjs'

/** Adds the row. Takes more than ten minutes. */
export async function run({ row }) {
  await acrossWindows(MICROSOFT, row, { count: 11_000, window: 600 })
}
