// The access token of one opened provider: asked for once, and anew only for one that was refused.
import type { TokenSource } from './provider'

export type TokenCache = { get(): Promise<string>; renew(refused: string): Promise<string> }

/** Asks for a token once and again only for one that was refused, however many calls were refused with it. */
export function tokenCache(source: TokenSource): TokenCache {
  let current: Promise<string> | null = null
  const remember = (asking: Promise<string>) => {
    current = asking
    asking.catch(() => {
      if (current === asking) current = null
    })
    return asking
  }
  return {
    get: () => current ?? remember(source()),
    async renew(refused: string): Promise<string> {
      const held = current
      const known = held ? await held.catch(() => null) : null
      if (known !== null && known !== refused) return known
      if (current !== null && current !== held) return current
      return remember(source(refused))
    },
  }
}
