// An inbox's Spending in its object's storage, so that an eviction forgets none of it.
import type { Clock } from '../platform/clock'
import type { Quota } from '../providers/provider'
import { charge, reserve, type Spending, settle, spendingOf } from './quota'

const KEY = 'spending'

/** The book of one inbox. Every call reads and writes in one go, so that calls never meet. */
export function quotaBook(kv: SyncKvStorage, clock: Clock) {
  const read = () => spendingOf(kv.get(KEY))
  const write = (spending: Spending) => kv.put(KEY, spending)
  return {
    /** Messages granted to a slot; with none, when some will be (ms). */
    reserve(slot: string, quota: Quota, wanted: number): { granted: number; nextAt: number | null } {
      const { spending, ...answer } = reserve(read(), quota, { slot, wanted, now: clock() })
      write(spending)
      return answer
    },
    /** `messages`: when those of the slot were asked for, ms. */
    settle(slot: string, messages: number[]): void {
      write(settle(read(), slot, messages, clock()))
    },
    charge(units: number): void {
      if (units > 0) write(charge(read(), units, clock()))
    },
  }
}
