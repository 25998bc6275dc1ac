// How many fetch jobs may work on one inbox at once. Pure; kept in the object's memory, since a forgotten slot only allows one job more.
import type { Quota } from '../providers/provider'

/** Concurrent fetch jobs per inbox, where its provider sets no limit. */
const SLOTS = 2
/** A job that died holds its slot no longer than this, ms. */
const SLOT_TIME = 90_000

export type Slots = { held: Map<string, number>; wanted: boolean; most: number }
export const noSlots = (): Slots => ({ held: new Map(), wanted: false, most: SLOTS })

/** Learns from a provider's quota how many jobs it allows. */
export function limitSlots(slots: Slots, quota: Quota | undefined): void {
  slots.most = quota?.jobs ?? SLOTS
}

/** Takes a slot named `id`, or notes that one was wanted and returns false. */
export function takeSlot(slots: Slots, id: string, now: number): boolean {
  for (const [held, until] of slots.held) if (until <= now) slots.held.delete(held)
  if (slots.held.size >= slots.most) {
    slots.wanted = true
    return false
  }
  slots.held.set(id, now + SLOT_TIME)
  return true
}

/** Gives a slot back. True when somebody was turned away since: the one who leaves sends a job for them. */
export function freeSlot(slots: Slots, id: string): boolean {
  slots.held.delete(id)
  const { wanted } = slots
  slots.wanted = false
  return wanted
}
