// Proposed settings: the table, hosted domains by MX, and every way the name server can fail without anybody noticing.
import { describe, expect, it, vi } from 'vitest'
import { proposeSettings } from '../../../worker/providers/autoconfig'
import { mailExchangers, resolveByHttps } from '../../../worker/providers/dns'
import { WELL_KNOWN } from '../../../worker/providers/well-known'

const dnsUrl = 'https://dns.example/query'

/** A name server that knows these MX records. */
function dns(zones: Record<string, string[]>) {
  const asked: string[] = []
  const fetch = vi.fn(async (input: RequestInfo | URL, init?: RequestInit) => {
    const url = new URL(String(input))
    expect(url.origin + url.pathname).toBe(dnsUrl)
    expect(new Headers(init?.headers).get('accept')).toBe('application/dns-json')
    const name = url.searchParams.get('name') ?? ''
    asked.push(`${name} ${url.searchParams.get('type')}`)
    const records = zones[name]
    return Response.json(records ? { Status: 0, Answer: records.map((data) => ({ type: 15, data })) } : { Status: 3 })
  })
  return { deps: { fetch: fetch as unknown as typeof globalThis.fetch, dnsUrl }, asked }
}
const answering = (answer: () => Promise<Response>) => ({ fetch: answer as unknown as typeof globalThis.fetch, dnsUrl })

describe('a well-known address', () => {
  it('is found in the table without asking anybody', async () => {
    const { deps, asked } = dns({})
    expect(await proposeSettings(' Someone@Gmail.com ', deps)).toMatchObject({
      provider: 'Gmail',
      guessed: false,
      imap: { host: 'imap.gmail.com', port: 993, security: 'tls', username: 'someone@gmail.com' },
      smtp: { host: 'smtp.gmail.com', port: 465, security: 'tls', username: 'someone@gmail.com' },
      note: expect.stringContaining('app password'),
    })
    expect(asked).toEqual([])
  })

  it('gets STARTTLS where the provider has no other', async () => {
    const proposal = await proposeSettings('a@icloud.com', dns({}).deps)
    expect(proposal?.smtp).toMatchObject({ port: 587, security: 'starttls' })
  })
})

describe('a domain of its own', () => {
  it.each([
    ['10 mail.example.protection.outlook.com.', 'a guess'],
    ['0 example-org.mail.protection.outlook.com.', 'Microsoft 365'],
    ['1 aspmx.l.google.com.', 'Gmail'],
    ['10 in1-smtp.messagingengine.com.', 'Fastmail'],
    ['50 mx00.kundenserver.de.', 'IONOS'],
    ['10 evilgoogle.com.', 'a guess'],
  ])('with the exchanger %s is %s', async (record, expected) => {
    const proposal = await proposeSettings('help@example.org', dns({ 'example.org': [record] }).deps)
    expect(proposal?.guessed ? 'a guess' : proposal?.provider).toBe(expected)
    expect(proposal?.imap.username).toBe('help@example.org')
  })

  it('takes the best exchanger that is known', async () => {
    const { deps } = dns({ 'example.org': ['20 mx.zoho.com.', '10 alt1.aspmx.l.google.com.'] })
    expect((await proposeSettings('a@example.org', deps))?.provider).toBe('Gmail')
  })

  it('that nobody hosts is guessed, and marked as a guess', async () => {
    expect(await proposeSettings('a@example.org', dns({}).deps)).toMatchObject({
      guessed: true,
      imap: { host: 'imap.example.org', port: 993, security: 'tls' },
      smtp: { host: 'smtp.example.org', port: 465, security: 'tls' },
    })
  })
})

describe('a name server that fails', () => {
  it.each([
    ['is not there', async () => Promise.reject(new Error('offline'))],
    ['answers 500', async () => new Response('no', { status: 500 })],
    ['answers HTML', async () => new Response('<html>')],
    ['answers another shape', async () => Response.json({ Status: 0, Answer: 'MX' })],
    ['answers records of nonsense', async () => Response.json({ Status: 0, Answer: [{ type: 15, data: 'x y z' }] })],
    ['redirects', async () => Response.redirect('https://elsewhere.example/')],
  ])('%s: a guess', async (_, answer) => {
    expect((await proposeSettings('a@example.org', answering(answer)))?.guessed).toBe(true)
  })

  it('that never answers is left after two seconds', async () => {
    vi.useFakeTimers()
    const proposal = proposeSettings(
      'a@example.org',
      answering(() => new Promise(() => {})),
    )
    await vi.advanceTimersByTimeAsync(2_000)
    expect((await proposal)?.guessed).toBe(true)
    vi.useRealTimers()
  })
})

describe('what is not an address', () => {
  it.each([
    '',
    'nobody',
    '@example.org',
    'a@b',
    'a@localhost',
    'a b@example.org',
    'a@exa mple.org',
    'a@-x.org',
    'a@example.org/?x=',
    'a@@b.org',
  ])('%j proposes nothing and asks nobody', async (text) => {
    const { deps, asked } = dns({})
    expect(await proposeSettings(text, deps)).toBeNull()
    expect(asked).toEqual([])
  })
})

describe('the table', () => {
  it('has hosts with ports, and every domain once', () => {
    const domains = WELL_KNOWN.flatMap((row) => row.domains ?? [])
    expect(new Set(domains).size).toBe(domains.length)
    for (const row of WELL_KNOWN) {
      expect(row.imap).toMatch(/^[a-z0-9.-]+:(993|1143)$/)
      expect(row.smtp).toMatch(/^[a-z0-9.-]+:(465|587|1025)$/)
      expect((row.domains ?? row.exchangers)?.length).toBeGreaterThan(0)
    }
  })
})

describe('looking up a host', () => {
  it('knows addresses, knows that there are none, and knows when it does not know', async () => {
    const known = answering(async () => Response.json({ Status: 0, Answer: [{ type: 1, data: '192.0.2.1' }] }))
    expect(await resolveByHttps(known)('mail.example.org')).toEqual(['192.0.2.1'])
    expect(await resolveByHttps(dns({}).deps)('mail.example.org')).toEqual([])
    expect(await resolveByHttps(answering(async () => Response.json({ Status: 2 })))('mail.example.org')).toBeNull()
  })

  it('sorts mail exchangers by preference', async () => {
    const { deps } = dns({ 'example.org': ['20 B.example.org.', '5 a.example.org'] })
    expect(await mailExchangers(deps, 'example.org')).toEqual(['a.example.org', 'b.example.org'])
  })
})
