// How many requests each part of the work may have under way to one mailbox, where its provider limits them. Pure; kept in the object's
// memory, since a forgotten permit only lets one request too many through, and the provider then asks for patience.

/** Whoever died holds its permits no longer than this, ms. */
const PERMIT_TIME = 90_000

/** `limit`: requests the provider takes at once; `most`: those the asker has a use for. `first`: somebody waits for it, as for a reply. */
export type PermitAsk = { limit: number; most: number; first: boolean }
/** By the name of whoever holds some, and of whoever waits, in order; `true`: comes first. */
export type Permits = { held: Map<string, { requests: number; until: number }>; waiting: Map<string, boolean> }
export const noPermits = (): Permits => ({ held: new Map(), waiting: new Map() })

/**
 * Takes what is free and nobody before `id` waits for, `most` at most, in place of what `id` holds; or notes that it waits and returns 0.
 * A holder keeps at least one.
 */
export function takePermits(permits: Permits, id: string, ask: PermitAsk, now: number): number {
  for (const [held, { until }] of permits.held) if (until <= now) permits.held.delete(held)
  const own = permits.held.get(id)?.requests ?? 0
  let others = -own
  for (const { requests } of permits.held.values()) others += requests
  const free = Math.min(ask.most, ask.limit - others - waitingBefore(permits, id, ask.first))
  const granted = Math.max(free, Math.min(own, 1))
  if (granted > 0) hold(permits, id, granted, now)
  else permits.waiting.set(id, ask.first)
  return Math.max(granted, 0)
}

/** Those who come first stand before all others; among equals the order of asking counts. */
function waitingBefore({ waiting }: Permits, id: string, first: boolean): number {
  let before = 0
  let passed = false
  for (const [other, theirs] of waiting) {
    if (other === id) passed = true
    else if (theirs === first ? !passed : theirs) before++
  }
  return before
}

/** One permit for somebody who has waited long enough, free or not: what is lost or slow must never stop mail. */
export function takeAnyway(permits: Permits, id: string, now: number): number {
  hold(permits, id, 1, now)
  return 1
}

/** Gives back all of them but one. */
export function keepOne(permits: Permits, id: string, now: number): void {
  if (permits.held.has(id)) hold(permits, id, 1, now)
}

/** Gives them back. */
export function dropPermits(permits: Permits, id: string): void {
  permits.held.delete(id)
  permits.waiting.delete(id)
}

function hold({ held, waiting }: Permits, id: string, requests: number, now: number): void {
  waiting.delete(id)
  held.set(id, { requests, until: now + PERMIT_TIME })
}
