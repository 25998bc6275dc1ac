// Backoff as a pure function of the attempt. Jitter comes from the caller's random number, so tests are exact.

/** Milliseconds to wait after `attempt` (1-based) failures: base · 2^(attempt-1), at most `max`, ±20 % by `random` in [0, 1). */
export function backoff(attempt: number, base: number, max: number, random: number): number {
  const plain = Math.min(max, base * 2 ** Math.max(0, attempt - 1))
  return Math.round(plain * (0.8 + 0.4 * random))
}
