// Time as a parameter. Logic takes a Clock (or `now`), never Date.now(), so tests own the time.

/** Milliseconds since the epoch. */
export type Clock = () => number
export const systemClock: Clock = () => Date.now()

/** ISO 8601 UTC of a stored time, null for null. */
export function iso(ms: number): string
export function iso(ms: number | null): string | null
export function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}
