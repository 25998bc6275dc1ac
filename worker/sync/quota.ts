// What a mailbox has spent of its provider's quota, spend by spend, so that the next one is known to fit. Pure; no clock.
// Fetching reserves before it spends; everything else is charged afterwards and leaves less for fetching.
import { z } from 'zod'
import type { Quota } from '../providers/provider'

/** Kept free for what is not fetching (listings, replies), as a part of the quota. */
const KEPT = 0.02
/** Added to the provider's window, ms: its clock and its idea of a request's moment are not ours. */
const MARGIN = 250
/** Spends are kept to this precision, rounded up, ms; those of a long window to a coarser one, so that there are never many. */
const GRAIN = { usual: 100, long: 1_000 }
/** A reservation nobody has settled counts as spent at this age, ms: its worker has died. */
const RESERVATION_TIME = 90_000
/** How long spends are kept before the provider's window is known, ms: longer than any. */
const UNKNOWN_WINDOW = 10 * 60_000
/** Messages worth a job of its own when the quota is what everybody waits for. */
const WORTHWHILE = 10

const Shape = z.object({
  window: z.number(),
  spent: z.array(z.object({ at: z.number(), units: z.number() })),
  reserved: z.array(z.object({ slot: z.string(), from: z.number(), messages: z.number(), perMessage: z.number() })),
})
/** Times are ms since the epoch. `window`: ms that a spend counts; `reserved`: granted to a fetch job and not settled yet. */
export type Spending = z.infer<typeof Shape>

/** A stored Spending; what does not look like one is a clean slate, for pacing is no reason to stop. */
export function spendingOf(stored: unknown): Spending {
  const result = Shape.safeParse(stored)
  return result.success ? result.data : { window: UNKNOWN_WINDOW, spent: [], reserved: [] }
}

/**
 * Takes as many of the `wanted` messages as fit. With none granted, `nextAt` is when a worthwhile number will fit
 * unless more is charged meanwhile.
 */
export function reserve(
  before: Spending,
  quota: Quota,
  request: { slot: string; wanted: number; now: number },
): { spending: Spending; granted: number; nextAt: number | null } {
  const { slot, wanted, now } = request
  const { perMessage } = quota
  const window = quota.window + MARGIN
  const spending = current({ ...before, window }, now)
  const limit = Math.max(perMessage, quota.units * (1 - KEPT))
  const counted = [
    ...spending.spent,
    ...spending.reserved.map((each) => ({ at: each.from + RESERVATION_TIME, units: each.messages * each.perMessage })),
  ]
  const used = counted.reduce((sum, { units }) => sum + units, 0)
  const granted = Math.max(0, Math.min(wanted, Math.floor((limit - used) / perMessage)))
  if (granted === 0) {
    const enough = Math.min(WORTHWHILE, wanted, Math.floor(limit / perMessage)) * perMessage
    return { spending, granted, nextAt: freeAt(counted, used + enough - limit, now) + window }
  }
  const reserved = [...spending.reserved, { slot, from: now, messages: granted, perMessage }]
  return { spending: { ...spending, reserved }, granted, nextAt: null }
}

/** The time of the spend whose end frees `units`, counted from the oldest. */
function freeAt(spends: Spending['spent'], units: number, now: number): number {
  let freed = 0
  for (const spend of spends.toSorted((a, b) => a.at - b.at)) {
    freed += spend.units
    if (freed >= units) return spend.at
  }
  return now
}

/** Ends the reservations of a slot: `spentAt` are the times of the messages that were asked for, the rest is given back. */
export function settle(before: Spending, slot: string, spentAt: number[], now: number): Spending {
  const own = before.reserved.find((each) => each.slot === slot)
  const rest = { ...before, reserved: before.reserved.filter((each) => each !== own) }
  if (!own) return current(before, now)
  const spends = spentAt
    .slice(0, own.messages)
    .map((at) => ({ at: Math.min(Math.max(at, own.from), now), units: own.perMessage }))
  return current({ ...rest, spent: [...rest.spent, ...spends] }, now)
}

/** Units that are spent already, for other things than messages. */
export function charge(before: Spending, units: number, now: number): Spending {
  return current({ ...before, spent: [...before.spent, { at: now, units }] }, now)
}

/** Without what is too old to count, in few entries. A time that lies ahead (the clock went back) is taken for now. */
function current({ window, spent, reserved }: Spending, now: number): Spending {
  const abandoned = reserved.filter((each) => each.from + RESERVATION_TIME <= now)
  const spends = [
    ...spent,
    ...abandoned.map((each) => ({ at: each.from + RESERVATION_TIME, units: each.messages * each.perMessage })),
  ]
  const byTime = new Map<number, number>()
  const grain = window > UNKNOWN_WINDOW ? GRAIN.long : GRAIN.usual
  for (const { at, units } of spends) {
    const time = Math.ceil(Math.min(at, now) / grain) * grain
    if (time > now - window) byTime.set(time, (byTime.get(time) ?? 0) + units)
  }
  return {
    window,
    spent: [...byTime].map(([at, units]) => ({ at, units })),
    reserved: reserved
      .filter((each) => !abandoned.includes(each))
      .map((each) => ({ ...each, from: Math.min(each.from, now) })),
  }
}
