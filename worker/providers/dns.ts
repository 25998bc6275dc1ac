// DNS over HTTPS, JSON flavour. Advice only: every answer may be missing, and nothing waits longer than two seconds for it.
import { z } from 'zod'
import { type Resolve, within } from './server'

export type DnsDeps = {
  fetch: typeof fetch
  /** for example https://cloudflare-dns.com/dns-query */
  dnsUrl: string
}

const TIMEOUT = 2_000
const MAX_ANSWER = 64 * 1024
const TYPES = { A: 1, MX: 15, AAAA: 28 } as const
const NXDOMAIN = 3

const Answer = z.object({
  Status: z.number(),
  Answer: z
    .array(z.object({ type: z.number(), data: z.string().max(1_000) }))
    .max(200)
    .optional(),
})

type Records = { exists: boolean; data: string[] }

/** Records of one type; null when nobody could be asked. Never throws. */
async function query(deps: DnsDeps, name: string, type: keyof typeof TYPES): Promise<Records | null> {
  try {
    const url = new URL(deps.dnsUrl)
    url.searchParams.set('name', name)
    url.searchParams.set('type', type)
    const abort = new AbortController()
    const asking = (async () => {
      const headers = { accept: 'application/dns-json' }
      const response = await deps.fetch(url, { headers, redirect: 'manual', signal: abort.signal })
      if (!response.ok) return null
      const text = await response.text()
      return text.length > MAX_ANSWER ? null : Answer.safeParse(JSON.parse(text)).data
    })()
    const answer = await within(TIMEOUT, asking, () => {
      abort.abort()
      return new Error('dns')
    })
    if (!answer || (answer.Status !== 0 && answer.Status !== NXDOMAIN)) return null
    const data = (answer.Answer ?? []).filter((record) => record.type === TYPES[type]).map((record) => record.data)
    return { exists: answer.Status === 0, data }
  } catch {
    return null
  }
}

/** Mail exchangers of a domain, best first, lower case, without the final dot; null when nobody could be asked. */
export async function mailExchangers(deps: DnsDeps, domain: string): Promise<string[] | null> {
  const records = await query(deps, domain, 'MX')
  if (!records) return null
  return records.data
    .map((data) => /^\s*(\d{1,5})\s+(\S+?)\.?\s*$/.exec(data))
    .filter((match) => match !== null)
    .sort((a, b) => Number(a[1]) - Number(b[1]))
    .map((match) => (match[2] ?? '').toLowerCase())
    .filter((host) => host !== '')
}

/** Resolves host names for the connection check. */
export function resolveByHttps(deps: DnsDeps): Resolve {
  return async (host) => {
    const [v4, v6] = await Promise.all([query(deps, host, 'A'), query(deps, host, 'AAAA')])
    if (!v4 && !v6) return null
    const addresses = [...(v4?.data ?? []), ...(v6?.data ?? [])]
    // Only an answer to both questions proves that there is nothing.
    return addresses.length > 0 || (v4 && v6) ? addresses : null
  }
}
