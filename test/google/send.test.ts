// Sending by the Gmail API, against the simulator and against networks that break at the worst moment.
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { composeMail, type OutgoingMail } from '../../worker/mail/compose'
import { GMAIL_LIMITS } from '../../worker/providers/gmail/limits'
import { openGmail } from '../../worker/providers/gmail/provider'
import type { OutboundMime } from '../../worker/providers/provider'
import {
  type Account,
  bytesOf,
  control,
  deliver,
  expectNoViolations,
  failing,
  fetchAll,
  listAll,
  mailbox,
  messagesOf,
  newAccount,
  requests,
} from '../support/google-lab'
import { countingTokens, html, json, refusal, type Script, scriptedFetch } from '../support/scripted-fetch'

afterEach(() => control('message-ids', { mode: 'keep' }))
afterAll(expectNoViolations)

const address = (email: string) => ({ name: '', email })
let written = 0
async function mimeTo(
  from: string,
  to: string,
  options: Partial<OutgoingMail> & { thread?: string | null } = {},
): Promise<OutboundMime> {
  const { thread = null, ...mail } = options
  const composed = await composeMail({
    from: address(from),
    to: [address(to)],
    cc: [],
    bcc: [],
    subject: 'Re: the order',
    text: 'Grüße, and a line.\r\n.\r\nthe end',
    html: null,
    messageId: `reply-${++written}@postroom.test`,
    inReplyTo: null,
    references: [],
    date: Date.now(),
    attachments: [],
    ...mail,
  })
  return { ...composed, thread }
}

/** `size` bytes in which every position can be told from every other. */
function file(size: number) {
  return {
    filename: 'file.bin',
    contentType: 'application/octet-stream',
    size,
    async open() {
      let at = 0
      return new ReadableStream<Uint8Array>({
        pull(controller) {
          const chunk = new Uint8Array(Math.min(65_536, size - at))
          for (let i = 0; i < chunk.length; i++) chunk[i] = ((at + i) * 2_654_435_761) >>> 24
          at += chunk.length
          if (chunk.length > 0) controller.enqueue(chunk)
          else controller.close()
        },
      })
    },
  }
}
async function rawOf(account: Account, id: string): Promise<string> {
  const [fetched] = await fetchAll(mailbox(account), [{ identity: `gmail:${id}` }])
  if (!fetched || 'error' in fetched) throw fetched?.error ?? new Error('nothing fetched')
  return Buffer.from(fetched.bytes).toString('latin1')
}
const idOf = (identity: string | undefined) => identity?.replace('gmail:', '') ?? ''
const textOf = async (mime: OutboundMime) => Buffer.from(await bytesOf(await mime.open())).toString('latin1')
/** Gmail puts header fields of its own first; the rest is ours. Compares without printing megabytes. */
const expectEnd = (stored: string, sent: string) => {
  expect(stored.length - sent.length).toBeLessThan(300)
  expect(stored.endsWith(sent)).toBe(true)
}
const countOf = async (path: string) => (await requests())[path] ?? 0
const SEND = 'POST /gmail/v1/users/:userId/messages/send'
const UPLOAD = 'POST /upload/gmail/v1/users/:userId/messages/send'

describe('a reply', () => {
  it('goes into its conversation and comes back as what was sent', async () => {
    const account = await newAccount()
    const customer = await newAccount()
    const received = await deliver(
      account,
      `From: ${customer.email}\r\nTo: ${account.email}\r\nSubject: the order\r\nMessage-ID: <order@example.org>\r\n\r\nWhere?\r\n`,
    )
    const thread = (await messagesOf(account)).find(({ id }) => id === received)?.threadId ?? ''
    const mime = await mimeTo(account.email, customer.email, {
      thread,
      inReplyTo: 'order@example.org',
      references: ['order@example.org'],
    })
    const provider = mailbox(account)
    const sent = await provider.send(mime)
    expect(sent).toMatchObject({
      accepted: [customer.email],
      rejected: [],
      copy: { thread, messageId: mime.messageId },
    })
    expectEnd(await rawOf(account, idOf(sent.copy?.identity)), await textOf(mime))
    const copy = (await messagesOf(account)).find(({ id }) => id === idOf(sent.copy?.identity))
    expect(copy).toMatchObject({ threadId: thread })
    // Discovery meets the copy under the very identity that was returned.
    expect((await listAll(provider)).refs.map(({ identity }) => identity)).toContain(sent.copy?.identity)
    const [arrived] = await messagesOf(customer)
    expect(await rawOf(customer, arrived?.id ?? '')).toContain('In-Reply-To: <order@example.org>')
  })

  it('whose conversation is gone is sent all the same, once', async () => {
    const account = await newAccount()
    const customer = await newAccount()
    const sent = await mailbox(account).send(
      await mimeTo(account.email, customer.email, { thread: 'ffffffffffffffff' }),
    )
    expect(sent.copy?.thread).not.toBe('ffffffffffffffff')
    expect(await messagesOf(customer)).toHaveLength(1)
  })

  it('whose Message-ID Gmail rewrites is known by the one on the wire', async () => {
    await control('message-ids', { mode: 'rewrite' })
    const account = await newAccount()
    const customer = await newAccount()
    const mime = await mimeTo(account.email, customer.email)
    const { copy } = await mailbox(account).send(mime)
    expect(copy?.messageId).toMatch(/^[^<>\s]+@[^<>\s]+$/)
    expect(copy?.messageId).not.toBe(mime.messageId)
    const [arrived] = await messagesOf(customer)
    expect(await rawOf(customer, arrived?.id ?? '')).toContain(`<${copy?.messageId}>`)
  })

  it('reaches Bcc recipients, and nobody else sees them', async () => {
    const [account, customer, copied, hidden, alsoHidden] = await Promise.all([1, 2, 3, 4, 5].map(() => newAccount()))
    if (!account || !customer || !copied || !hidden || !alsoHidden) throw new Error('no accounts')
    const mime = await mimeTo(account.email, customer.email, {
      cc: [address(copied.email)],
      bcc: [address(hidden.email), address(alsoHidden.email)],
    })
    expect(await textOf(mime)).not.toContain(hidden.email)
    await mailbox(account).send(mime)
    for (const reader of [customer, copied]) {
      const [arrived] = await messagesOf(reader)
      const raw = await rawOf(reader, arrived?.id ?? '')
      expect(raw).not.toMatch(/^bcc:/im)
      expect(raw).not.toContain(hidden.email)
    }
    for (const reader of [hidden, alsoHidden]) expect(await messagesOf(reader)).toHaveLength(1)
  })
})

describe('a large reply', () => {
  it('over 5 MB is uploaded and arrives byte for byte', async () => {
    const account = await newAccount()
    const customer = await newAccount()
    const before = await Promise.all([countOf(SEND), countOf(UPLOAD)])
    const mime = await mimeTo(account.email, customer.email, {
      attachments: [file(6_000_000)],
      bcc: [address(account.email)],
    })
    const { copy } = await mailbox(account).send(mime)
    expect(await Promise.all([countOf(SEND), countOf(UPLOAD)])).toEqual([before[0], (before[1] ?? 0) + 1])
    expectEnd(await rawOf(account, idOf(copy?.identity)), await textOf(mime))
  })

  it('near the limit of 35 MiB is sent', async () => {
    const account = await newAccount()
    const mime = await mimeTo(account.email, account.email, { attachments: [file(26_000_000)] })
    expect(mime.size).toBeGreaterThan(35_000_000)
    expect(mime.size).toBeLessThan(GMAIL_LIMITS.send)
    expect((await mailbox(account).send(mime)).copy?.messageId).toBe(mime.messageId)
  })

  it('over the limit is refused in words before anything is sent', async () => {
    const account = await newAccount()
    const mime = await mimeTo(account.email, account.email, { attachments: [file(28_000_000)] })
    const { provider, asked } = scripted(() => json({}))
    const error = await failing(provider.send(mime))
    expect(error).toMatchObject({ kind: 'too_large', code: 'gmail_send_too_large', delivered: 'no' })
    expect(error.message).toBe('With its attachments the mail is 36.6 MB as it goes out; Gmail sends at most 35 MB.')
    expect(asked).toHaveLength(0)
  })
})

function scripted(script: Script) {
  const { fetch, asked } = scriptedFetch(script)
  const provider = openGmail(
    { apiUrl: 'https://gmail.test', since: 0, topic: null, trustedHosts: [], unitsPerMinute: 6_000 },
    { fetch, clock: Date.now, token: countingTokens().token, limits: { sendWait: 200 } },
  )
  return { provider, asked }
}
const isSend = (url: URL) => url.pathname.endsWith('/send')
const accepted = () => json({ id: 'sent1', threadId: 't1', labelIds: ['SENT'] })

describe('whether a message went out', () => {
  const outcome = async (script: Script, options: Parameters<typeof mimeTo>[2] = {}) =>
    failing(scripted(script).provider.send(await mimeTo('a@example.org', 'b@example.org', options)))

  it.each([
    ['the connection broke after the body', () => new Error('connection reset')],
    ['no answer came', () => new Promise<Response>(() => {})],
    ['a 500 came', () => refusal(500, 'backendError')],
    ['a gateway gave up', () => html(504)],
    ['somebody else said 200', () => html(200)],
  ] as [string, Script][])('is unknown when %s', async (_, script) => {
    expect((await outcome(script)).delivered).toBe('unknown')
  })

  it.each([
    ['refuses it', () => refusal(400, 'invalidArgument', 'Recipient address required'), 'rejected'],
    ['is too busy', () => refusal(503, 'backendError'), 'transient'],
    ['asks for patience', () => refusal(429, 'rateLimitExceeded'), 'rate_limited'],
    ['lacks the right', () => refusal(403, 'insufficientPermissions'), 'protocol'],
    ['refuses every token', () => refusal(401, 'authError'), 'transient'],
    ['redirects', () => new Response(null, { status: 307, headers: { location: 'https://evil.test/' } }), 'protocol'],
  ] as [string, Script, string][])('is certain when Gmail %s: it did not', async (_, script, kind) => {
    expect(await outcome(script)).toMatchObject({ kind, delivered: 'no' })
  })

  it('is certain when the connection broke before the whole body was taken', async () => {
    const fetching = (async () => {
      throw new Error('connect ECONNREFUSED')
    }) as typeof fetch
    const provider = openGmail(
      { apiUrl: 'https://gmail.test', since: 0, topic: null, trustedHosts: [], unitsPerMinute: 6_000 },
      { fetch: fetching, clock: Date.now, token: countingTokens().token },
    )
    const error = await failing(provider.send(await mimeTo('a@example.org', 'b@example.org')))
    expect(error).toMatchObject({ kind: 'transient', delivered: 'no' })
  })

  it('is certain when nobody listens at the API', async () => {
    const provider = openGmail(
      { apiUrl: 'http://127.0.0.1:9', since: 0, topic: null, trustedHosts: [], unitsPerMinute: 6_000 },
      { fetch: (...args) => fetch(...args), clock: Date.now, token: countingTokens().token },
    )
    for (const size of [0, 6_000_000]) {
      const attachments = size > 0 ? [file(size)] : []
      const error = await failing(provider.send(await mimeTo('a@example.org', 'b@example.org', { attachments })))
      expect(error).toMatchObject({ kind: 'transient', delivered: 'no' })
    }
  })

  it('stays a success when its answer is cut off: 200 was the answer', async () => {
    const half = () => new Response('{"id":"se', { headers: { 'content-type': 'application/json' } })
    const { provider, asked } = scripted(half)
    expect(await provider.send(await mimeTo('a@example.org', 'b@example.org'))).toMatchObject({
      copy: null,
      rejected: [],
    })
    expect(asked).toHaveLength(1)
  })

  it('stays a success when the Message-ID cannot be read back', async () => {
    const { provider } = scripted(({ url }) => (isSend(url) ? accepted() : refusal(500)))
    expect((await provider.send(await mimeTo('a@example.org', 'b@example.org'))).copy).toEqual({
      identity: 'gmail:sent1',
      thread: 't1',
      messageId: null,
    })
  })

  it('is tried again only with a new token, and then from its first byte', async () => {
    const { provider, asked } = scripted(({ url }, count) => {
      if (count === 1) return refusal(401, 'authError')
      return isSend(url) ? accepted() : json({ payload: { headers: [{ name: 'Message-Id', value: '<x@y>' }] } })
    })
    const { copy } = await provider.send(await mimeTo('a@example.org', 'b@example.org'))
    expect(copy?.messageId).toBe('x@y')
    expect(asked[0]?.body).toBe(asked[1]?.body)
    expect(asked).toHaveLength(3)
  })

  it('is never in doubt for half a message: it is not completed', async () => {
    const mime = await mimeTo('a@example.org', 'b@example.org')
    for (const size of [mime.size + 1, mime.size - 1]) {
      const { provider } = scripted(accepted)
      expect(await failing(provider.send({ ...mime, size }))).toMatchObject({ kind: 'transient', delivered: 'no' })
    }
  })

  it.each([
    'a b@example.org',
    'a@example.org>, <c@example.org',
    'a@example.org\r\nSubject: x',
    'a@example.org,c@example.org',
  ])('is refused for the recipient %j, which would become another header', async (recipient) => {
    const mime = await mimeTo('a@example.org', 'b@example.org')
    const { provider, asked } = scripted(accepted)
    const envelope = { from: 'a@example.org', to: [recipient] }
    expect((await failing(provider.send({ ...mime, envelope }))).code).toBe('bad_address')
    expect(asked).toHaveLength(0)
  })
})
