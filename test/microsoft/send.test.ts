// Sending through Graph, against the simulator and against networks that break at the worst moment.
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { composeMail, type OutgoingMail } from '../../worker/mail/compose'
import { parseBytes } from '../../worker/mail/parse'
import type { GraphLimits } from '../../worker/providers/graph/limits'
import { openGraph } from '../../worker/providers/graph/provider'
import type { OutboundMime } from '../../worker/providers/provider'
import {
  type Account,
  bytesOf,
  control,
  deliver,
  expectNoViolations,
  failing,
  listAll,
  mailbox,
  messagesOf,
  microsoft,
  newAccount,
  newShared,
  rawOf,
  requests,
  WRITE_SCOPES,
} from '../support/microsoft-lab'
import { countingTokens, graphRefusal, html, json, type Script, scriptedFetch } from '../support/scripted-fetch'

afterEach(async () => {
  await control('headers', { mode: 'keep' })
  await control('sent-delay', { ms: 0 })
})
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
    messageId: `reply-${++written}-${crypto.randomUUID()}@postroom.test`,
    inReplyTo: null,
    references: [],
    date: Date.now(),
    attachments: [],
    ...mail,
  })
  return { ...composed, thread }
}

const byteAt = (i: number) => ((i * 2_654_435_761) >>> 24) & 255
/** `size` bytes in which every position can be told from every other. */
function file(size: number, filename = 'file.bin') {
  return {
    filename,
    contentType: 'application/octet-stream',
    size,
    async open() {
      let at = 0
      return new ReadableStream<Uint8Array>({
        pull(controller) {
          const chunk = new Uint8Array(Math.min(65_536, size - at))
          for (let i = 0; i < chunk.length; i++) chunk[i] = byteAt(at + i)
          at += chunk.length
          if (chunk.length > 0) controller.enqueue(chunk)
          else controller.close()
        },
      })
    },
  }
}
const textOf = async (mime: OutboundMime) => Buffer.from(await bytesOf(await mime.open())).toString('latin1')
const idOf = (identity: string | undefined) => identity?.replace('graph:', '') ?? ''
const arrivedAt = async (account: Account) => (await messagesOf(account)).filter(({ folder }) => folder === 'inbox')
async function firstMailOf(account: Account) {
  const [arrived] = await arrivedAt(account)
  const raw = await rawOf(account, arrived?.immutableId ?? '')
  return { raw, mail: await parseBytes(Buffer.from(raw, 'latin1')) }
}
/** A customer's mail in the mailbox. */
async function asked(account: Account, customer: Account) {
  const messageId = `order-${crypto.randomUUID()}@example.org`
  const id = await deliver(
    account,
    `From: ${customer.email}\r\nTo: ${account.email}\r\nSubject: the order\r\nMessage-ID: <${messageId}>\r\n\r\nWhere?\r\n`,
  )
  const thread = (await messagesOf(account)).find((one) => one.immutableId === id)?.conversationId ?? ''
  return { messageId, thread, reply: { inReplyTo: messageId, references: [messageId], thread } }
}

describe('a reply', () => {
  it('goes out with its own headers, and its copy is known by the identity that discovery meets', async () => {
    const [account, customer] = [await newAccount(), await newAccount()]
    const { messageId, thread, reply } = await asked(account, customer)
    const mime = await mimeTo(account.email, customer.email, reply)
    const provider = mailbox(account)
    const sent = await provider.send(mime)
    expect(sent).toMatchObject({
      accepted: [customer.email],
      rejected: [],
      copy: { thread, messageId: mime.messageId },
    })
    const { mail } = await firstMailOf(customer)
    expect(mail).toMatchObject({ messageId: mime.messageId, inReplyTo: [messageId], references: [messageId] })
    const { refs } = await listAll(provider)
    expect(refs.find(({ identity }) => identity === sent.copy?.identity)?.role).toBe('sent')
  })

  it('reaches Bcc recipients, and nobody else sees them', async () => {
    const [account, customer, hidden] = [await newAccount(), await newAccount(), await newAccount()]
    const mime = await mimeTo(account.email, customer.email, { bcc: [address(hidden.email)] })
    expect(await textOf(mime)).not.toContain(hidden.email)
    await mailbox(account).send(mime)
    expect((await firstMailOf(customer)).raw).not.toContain(hidden.email)
    expect(await arrivedAt(hidden)).toHaveLength(1)
  })

  it('whose copy is late in the sent items is sent all the same', async () => {
    await control('sent-delay', { ms: 60_000 })
    const [account, customer] = [await newAccount(), await newAccount()]
    const sent = await mailbox(account, { limits: { copyLooks: 2, copyWait: 10 } }).send(
      await mimeTo(account.email, customer.email),
    )
    expect(sent).toMatchObject({ copy: null, accepted: [customer.email] })
    expect(await arrivedAt(customer)).toHaveLength(1)
  })

  it('whose headers Microsoft would take away is made by Microsoft, with our text and files in it', async () => {
    await control('headers', { mode: 'strip' })
    const [account, customer, hidden] = [await newAccount(WRITE_SCOPES), await newAccount(), await newAccount()]
    const { messageId, thread, reply } = await asked(account, customer)
    const mime = await mimeTo(account.email, customer.email, {
      ...reply,
      html: '<p>Here it <b>is</b>.</p>',
      bcc: [address(hidden.email)],
      attachments: [file(5_000, 'terms.pdf')],
    })
    const { copy } = await mailbox(account).send(mime)
    expect(copy).toMatchObject({ thread })
    const { raw, mail } = await firstMailOf(customer)
    expect(mail.inReplyTo).toEqual([messageId])
    expect(mail.references).toContain(messageId)
    expect(mail.messageId).toBe(copy?.messageId)
    expect(mail.html).toContain('Here it <b>is</b>')
    expect(mail.attachments).toMatchObject([{ filename: 'terms.pdf', size: 5_000 }])
    expect(raw).not.toContain(hidden.email)
    expect(await arrivedAt(hidden)).toHaveLength(1)
    expect((await messagesOf(account)).filter(({ folder }) => folder === 'drafts')).toEqual([])
  })

  it('by a draft keeps our headers where Microsoft does', async () => {
    const [account, customer] = [await newAccount(WRITE_SCOPES), await newAccount()]
    const { messageId, reply } = await asked(account, customer)
    const mime = await mimeTo(account.email, customer.email, reply)
    const { copy } = await mailbox(account).send(mime)
    expect(copy?.messageId).toBe(mime.messageId)
    expect((await firstMailOf(customer)).mail).toMatchObject({ messageId: mime.messageId, inReplyTo: [messageId] })
  })
})

describe('a shared mailbox', () => {
  it('sends as itself and keeps the copy among its own sent items', async () => {
    const [account, customer] = [await newShared(), await newAccount()]
    const { copy } = await mailbox(account).send(await mimeTo(account.email, customer.email))
    const kept = (await messagesOf(account)).find(({ immutableId }) => immutableId === idOf(copy?.identity))
    expect(kept?.folder).toBe('sentitems')
    expect((await firstMailOf(customer)).mail.from?.email).toBe(account.email)
  })

  it('that the account may read and not send as is refused with the remedy in words', async () => {
    const [account, customer] = [await newShared({ sendAs: false }), await newAccount()]
    const error = await failing(mailbox(account).send(await mimeTo(account.email, customer.email)))
    expect(error).toMatchObject({ kind: 'rejected', code: 'graph_send_as_denied', delivered: 'no' })
    expect(error.hint).toContain('Send as')
    expect(await arrivedAt(customer)).toEqual([])
  })
})

const UPLOAD = /createUploadSession/
const countOf = async (path: RegExp) =>
  Object.entries(await requests()).reduce((sum, [name, count]) => sum + (path.test(name) ? count : 0), 0)

describe('a large reply', () => {
  it('goes up in ranges and arrives byte for byte, headers and hidden recipients included', async () => {
    const [account, customer, hidden] = [await newAccount(WRITE_SCOPES), await newAccount(), await newAccount()]
    const { messageId, reply } = await asked(account, customer)
    const before = await countOf(UPLOAD)
    const mime = await mimeTo(account.email, customer.email, {
      ...reply,
      bcc: [address(hidden.email)],
      attachments: [file(9_000_000, 'plan.bin'), file(70_000, 'small.bin'), file(1_500_000, 'middle.bin')],
    })
    const { copy } = await mailbox(account).send(mime)
    expect(await countOf(UPLOAD)).toBe(before + 1)
    const { raw, mail } = await firstMailOf(customer)
    expect(mail).toMatchObject({ messageId: copy?.messageId, inReplyTo: [messageId] })
    expect(mail.text).toContain('Grüße, and a line.')
    const files = new Map(mail.attachments.map((one) => [one.filename, one]))
    for (const [name, size] of [
      ['plan.bin', 9_000_000],
      ['small.bin', 70_000],
      ['middle.bin', 1_500_000],
    ] as const) {
      const found = files.get(name)
      const bytes = Buffer.from(raw.slice(found?.start, found?.end), 'base64')
      expect(bytes.length).toBe(size)
      expect(bytes.every((byte: number, i: number) => byte === byteAt(i))).toBe(true)
    }
    expect(raw).not.toContain(hidden.email)
    expect(await arrivedAt(hidden)).toHaveLength(1)
  })

  it('without the permission to write drafts is refused with the remedy in words', async () => {
    const account = await newAccount()
    const mime = await mimeTo(account.email, account.email, { attachments: [file(4_000_000)] })
    const error = await failing(mailbox(account).send(mime))
    expect(error).toMatchObject({ kind: 'rejected', code: 'graph_draft_denied', delivered: 'no' })
    expect(error.hint).toContain('Mail.ReadWrite')
  })

  it('over the limit is refused in words before anything is sent', async () => {
    const mime = await mimeTo('a@example.org', 'b@example.org', { attachments: [file(28_000_000)] })
    const { provider, asked: calls } = scripted(() => json({}))
    const error = await failing(provider.send(mime))
    expect(error).toMatchObject({ kind: 'too_large', code: 'graph_send_too_large', delivered: 'no' })
    expect(calls).toHaveLength(0)
  })

  it('whose upload is pointed to another host stops there: no file, no token, no draft left behind', async () => {
    const { provider, asked: calls } = scripted(({ url, method }) => {
      if (url.host !== 'graph.test') return new Error('asked a stranger')
      if (url.pathname.endsWith('/createUploadSession')) return json({ uploadUrl: 'https://evil.test/put' }, 201)
      return method === 'DELETE' ? new Response(null, { status: 204 }) : json({ id: 'draft1' }, 201)
    })
    const mime = await mimeTo('a@example.org', 'b@example.org', { attachments: [file(5_000_000)] })
    expect(await failing(provider.send(mime))).toMatchObject({ code: 'untrusted_host', delivered: 'no' })
    expect(calls.every(({ url }) => url.host === 'graph.test')).toBe(true)
    expect(calls.at(-1)).toMatchObject({ method: 'DELETE' })
  })

  it.each([
    'https://evil.test',
    'http://graph.microsoft.com',
    'https://graph.microsoft.com.evil.test',
    'https://127.0.0.1:9',
  ])('whose upload Graph points to %s stops there, and no draft is left behind', async (origin) => {
    const account = await newAccount(WRITE_SCOPES)
    await control('links/forge', { kind: 'uploadUrl', origin })
    const origins = new Set<string>()
    const provider = mailbox(account, {
      fetch: (input, init) => {
        origins.add(new URL(String(input)).origin)
        return fetch(input, init)
      },
    })
    const mime = await mimeTo(account.email, 'b@example.org', { attachments: [file(5_000_000)] })
    expect(await failing(provider.send(mime))).toMatchObject({ code: 'untrusted_host', delivered: 'no' })
    expect([...origins]).toEqual([microsoft.url])
    expect((await messagesOf(account)).filter(({ folder }) => folder === 'drafts')).toEqual([])
  })

  it('shows no token to the address its files go to', async () => {
    const { provider, asked: calls } = scripted(
      ({ url, method }) => {
        if (url.host === 'upload.test') return json({}, 200)
        if (url.pathname.endsWith('/createUploadSession'))
          return json({ uploadUrl: 'https://upload.test/put?sig=1' }, 201)
        if (url.pathname.endsWith('/send')) return new Response(null, { status: 202 })
        return json({ id: 'draft1', isDraft: false }, method === 'POST' ? 201 : 200)
      },
      ['upload.test'],
    )
    await provider.send(await mimeTo('a@example.org', 'b@example.org', { attachments: [file(9_000_000)] }))
    const puts = calls.filter(({ url }) => url.host === 'upload.test')
    expect(puts.map(({ headers }) => headers.get('content-range'))).toEqual([
      'bytes 0-3932159/9000000',
      'bytes 3932160-7864319/9000000',
      'bytes 7864320-8999999/9000000',
    ])
    for (const { headers } of puts) expect(headers.get('authorization')).toBeNull()
  })
})

function scripted(script: Script, trustedHosts: string[] = [], limits: Partial<GraphLimits> = {}) {
  const { fetch, asked: calls } = scriptedFetch(script)
  const provider = openGraph(
    {
      apiUrl: 'https://graph.test/v1.0',
      mailbox: { kind: 'own', address: 'a@example.org' },
      since: 0,
      notificationUrl: '',
      lifecycleUrl: '',
      push: false,
      trustedHosts,
    },
    { fetch, clock: Date.now, token: countingTokens().token, limits: { sendWait: 5_000, copyLooks: 1, ...limits } },
  )
  return { provider, asked: calls }
}
const isSend = (url: URL) => url.pathname.endsWith('/sendMail')
const accepted = () => new Response(null, { status: 202 })

describe('whether a message went out', () => {
  const outcome = async (script: Script) =>
    failing(scripted(script, [], { sendWait: 200 }).provider.send(await mimeTo('a@example.org', 'b@example.org')))

  it.each([
    ['the connection broke after the body', () => new Error('connection reset')],
    ['no answer came', () => new Promise<Response>(() => {})],
    ['a 500 came', () => graphRefusal(500, 'ErrorInternalServerError')],
    ['a gateway gave up', () => html(504)],
  ] as [string, Script][])('is unknown when %s', async (_, script) => {
    expect((await outcome(script)).delivered).toBe('unknown')
  })

  it.each([
    [
      'refuses it',
      () => graphRefusal(400, 'ErrorInvalidRecipients', 'At least one recipient is not valid'),
      'rejected',
    ],
    ['does not let the account send as the address', () => graphRefusal(403, 'ErrorSendAsDenied'), 'rejected'],
    ['is too busy', () => graphRefusal(503, 'ServiceUnavailable'), 'transient'],
    ['asks for patience', () => graphRefusal(429, 'ApplicationThrottled'), 'rate_limited'],
    ['has sent enough for today', () => graphRefusal(429, 'ErrorSubmissionQuotaExceeded'), 'rate_limited'],
    ['denies access', () => graphRefusal(403, 'ErrorAccessDenied'), 'protocol'],
    ['refuses every token', () => graphRefusal(401, 'InvalidAuthenticationToken'), 'transient'],
    ['redirects', () => new Response(null, { status: 307, headers: { location: 'https://evil.test/' } }), 'protocol'],
  ] as [string, Script, string][])('is certain when Microsoft %s: it did not', async (_, script, kind) => {
    expect(await outcome(script)).toMatchObject({ kind, delivered: 'no' })
  })

  it('is certain when nobody listens', async () => {
    const provider = openGraph(
      {
        apiUrl: 'http://127.0.0.1:9/v1.0',
        mailbox: { kind: 'own', address: 'a@example.org' },
        since: 0,
        notificationUrl: '',
        lifecycleUrl: '',
        push: false,
        trustedHosts: [],
      },
      { fetch: (...args) => fetch(...args), clock: Date.now, token: countingTokens().token },
    )
    for (const attachments of [[], [file(6_000_000)]]) {
      const error = await failing(provider.send(await mimeTo('a@example.org', 'b@example.org', { attachments })))
      expect(error).toMatchObject({ kind: 'transient', delivered: 'no' })
    }
  })

  it('stays a success when the copy cannot be looked for', async () => {
    const { provider } = scripted(({ url }) => (isSend(url) ? accepted() : graphRefusal(500, 'x')))
    expect((await provider.send(await mimeTo('a@example.org', 'b@example.org'))).copy).toBeNull()
  })

  it('is tried again only with a new token, and then from its first byte', async () => {
    const { provider, asked: calls } = scripted(({ url }, count) => {
      if (count === 1) return graphRefusal(401, 'InvalidAuthenticationToken')
      return isSend(url) ? accepted() : json({ value: [] })
    })
    await provider.send(await mimeTo('a@example.org', 'b@example.org'))
    expect(calls[0]?.body).toBe(calls[1]?.body)
    expect(Buffer.from(calls[0]?.body ?? '', 'base64').toString()).toContain('Subject: Re: the order')
    expect(calls).toHaveLength(3)
  })

  it('of a draft is told by the draft itself when no answer comes', async () => {
    const large = () => mimeTo('a@example.org', 'b@example.org', { attachments: [file(4_000_000)] })
    for (const [isDraft, expected] of [
      [false, 'sent'],
      [true, 'unknown'],
    ] as const) {
      const { provider } = scripted(({ url, method }) => {
        if (url.pathname.endsWith('/send')) return new Error('connection reset')
        if (url.pathname.endsWith('/createUploadSession')) return json({ uploadUrl: 'https://graph.test/put' }, 201)
        return json({ id: 'draft1', isDraft }, method === 'POST' ? 201 : 200)
      })
      const result = await provider.send(await large()).then(
        () => 'sent',
        (error: { delivered: string }) => error.delivered,
      )
      expect(result).toBe(expected)
    }
  })

  it('is never in doubt for half a message: it is not completed', async () => {
    const mime = await mimeTo('a@example.org', 'b@example.org')
    for (const size of [mime.size + 1, mime.size - 1]) {
      const { provider } = scripted(accepted)
      expect(await failing(provider.send({ ...mime, size }))).toMatchObject({ kind: 'transient', delivered: 'no' })
    }
  })
})
