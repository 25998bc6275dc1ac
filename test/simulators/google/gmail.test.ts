// The simulated Gmail as Google's own client sees it: reading, history, sending, quota. No contract may have been broken at the end of any test.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import type { gmail_v1 } from '@googleapis/gmail'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { base64url, type Google, mailOf, refusalOf, startForTests } from './gmail-client.ts'
import { multipartOf } from './gmail-upload.ts'

const SUPPORT = 'support@acme.example'
const JANE = 'jane@gmail.example'

let google: Google
let users: gmail_v1.Resource$Users
const me = { userId: 'me' }

beforeEach(async () => {
  google = await startForTests()
  users = await google.mailbox(SUPPORT)
})
afterEach(async () => {
  await google.close()
  expect(google.world.violations).toEqual([])
})

const deliver = (mail: object) => google.control('deliver', { to: SUPPORT, from: JANE, ...mail })
const rawOf = async (of: gmail_v1.Resource$Users, id: string) =>
  Buffer.from((await of.messages.get({ ...me, id, format: 'raw' })).data.raw ?? '', 'base64url')
const headersOf = async (of: gmail_v1.Resource$Users, id: string) => {
  const { payload } = (await of.messages.get({ ...me, id, format: 'metadata' })).data
  return Object.fromEntries((payload?.headers ?? []).map(({ name, value }) => [name?.toLowerCase(), value]))
}
/** The client knows another address for uploads; only the call's own options change that. */
const upload = () => ({ rootUrl: `${google.url}/` })
const currentHistory = async () => (await users.getProfile(me)).data.historyId ?? ''
const historySince = async (startHistoryId: string, more: object = {}) =>
  (await users.history.list({ ...me, startHistoryId, ...more })).data
const idsOf = (list: { id?: string | null }[] | undefined) => (list ?? []).map(({ id }) => id)

const WITH_ATTACHMENT = mailOf(
  'From: =?utf-8?Q?J=C3=A9r=C3=B4me?= <jerome@example.org>',
  `To: ${SUPPORT}`,
  'Subject: =?utf-8?B?R3LDvMOfZQ==?=',
  'Message-ID: <one@example.org>',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary="outer"',
  '',
  'preamble',
  '--outer',
  'Content-Type: multipart/alternative; boundary=inner',
  '',
  '--inner',
  'Content-Type: text/plain; charset=iso-8859-1',
  'Content-Transfer-Encoding: quoted-printable',
  '',
  'Gr=FC=DFe & <b>',
  '--inner',
  'Content-Type: text/html',
  '',
  '<p>Hello</p>',
  '--inner--',
  '--outer',
  'Content-Type: application/pdf; name="a.pdf"',
  'Content-Disposition: attachment; filename="a.pdf"',
  'Content-Transfer-Encoding: base64',
  '',
  Buffer.from('%PDF-1.4 not really').toString('base64'),
  '--outer--',
)

describe('reading', () => {
  it('gives back exactly the bytes that arrived, and the same mail in every other format', async () => {
    const { id, threadId, historyId } = await deliver({
      raw: WITH_ATTACHMENT.toString('base64'),
      internalDate: 1_700_000_000_123,
    })
    const raw = (await users.messages.get({ ...me, id, format: 'raw' })).data
    expect(Buffer.from(raw.raw ?? '', 'base64url').equals(WITH_ATTACHMENT)).toBe(true)
    expect(Object.keys(raw)).toEqual([
      'id',
      'threadId',
      'labelIds',
      'snippet',
      'sizeEstimate',
      'raw',
      'historyId',
      'internalDate',
    ])
    expect(raw).toMatchObject({
      id,
      threadId,
      historyId,
      labelIds: ['UNREAD', 'INBOX'],
      internalDate: '1700000000123',
      snippet: 'Grüße &amp; &lt;b&gt;',
    })

    const full = (await users.messages.get({ ...me, id })).data.payload
    expect(full?.headers).toContainEqual({ name: 'From', value: 'Jérôme <jerome@example.org>' })
    expect(full?.headers).toContainEqual({ name: 'Subject', value: 'Grüße' })
    const [alternative, pdf] = full?.parts ?? []
    expect(alternative?.parts?.map(({ partId, mimeType }) => [partId, mimeType])).toEqual([
      ['0.0', 'text/plain'],
      ['0.1', 'text/html'],
    ])
    expect(Buffer.from(alternative?.parts?.[0]?.body?.data ?? '', 'base64url').toString()).toBe('Grüße & <b>')
    expect(pdf).toMatchObject({ filename: 'a.pdf', mimeType: 'application/pdf', body: { size: 19 } })
    const { data } = await users.messages.attachments.get({ ...me, messageId: id, id: pdf?.body?.attachmentId ?? '' })
    expect(Buffer.from(data.data ?? '', 'base64url').toString()).toBe('%PDF-1.4 not really')

    const metadata = (await users.messages.get({ ...me, id, format: 'metadata', metadataHeaders: ['message-id'] })).data
    expect(metadata.payload?.headers).toEqual([{ name: 'Message-ID', value: '<one@example.org>' }])
    expect((await users.messages.get({ ...me, id, format: 'minimal' })).data.payload).toBeUndefined()
  })

  it('streams a mail of 30 MB unchanged', async () => {
    const raw = Buffer.concat([mailOf('Subject: large', ''), Buffer.alloc(30_000_001, 'large mails ')])
    const { id } = await deliver({ raw: raw.toString('base64') })
    expect((await rawOf(users, id)).equals(raw)).toBe(true)
  })

  it('lists newest first in pages that new arrivals do not shift', async () => {
    const ids: string[] = []
    for (let day = 1; day <= 5; day++)
      ids.unshift((await deliver({ subject: `${day}`, internalDate: day * 86_400_000 })).id)
    const first = (await users.messages.list({ ...me, maxResults: 2 })).data
    expect(idsOf(first.messages)).toEqual(ids.slice(0, 2))
    await deliver({ subject: 'in between' })
    const second = (await users.messages.list({ ...me, maxResults: 2, pageToken: first.nextPageToken ?? '' })).data
    const third = (await users.messages.list({ ...me, maxResults: 2, pageToken: second.nextPageToken ?? '' })).data
    expect([...idsOf(second.messages), ...idsOf(third.messages)]).toEqual(ids.slice(2))
    expect(third.nextPageToken).toBeUndefined()
    expect(await refusalOf(users.messages.list({ ...me, pageToken: 'nonsense' }))).toMatchObject({ status: 400 })
  })

  it('leaves spam and trash out unless they are asked for, and answers no `messages` where nothing is found', async () => {
    const { id } = await deliver({ subject: 'spam', labels: ['SPAM'] })
    const trashed = await deliver({ subject: 'trash' })
    await users.messages.trash({ ...me, id: trashed.id })
    expect((await users.messages.list(me)).data).toEqual({ resultSizeEstimate: 0 })
    expect(idsOf((await users.messages.list({ ...me, includeSpamTrash: true })).data.messages)).toHaveLength(2)
    expect(idsOf((await users.messages.list({ ...me, q: 'in:spam' })).data.messages)).toEqual([id])
    expect(idsOf((await users.messages.list({ ...me, labelIds: ['TRASH'] })).data.messages)).toEqual([trashed.id])
    const neither = await users.messages.list({ ...me, includeSpamTrash: true, q: '-in:trash -in:spam' })
    expect(neither.data.messages).toBeUndefined()
  })

  it('says 404 for a mail that is gone, 400 for what is no id, 403 for somebody else', async () => {
    const { id } = await deliver({ subject: 'short-lived' })
    await users.messages.delete({ ...me, id })
    expect(await refusalOf(users.messages.get({ ...me, id }))).toMatchObject({ status: 404, reason: 'notFound' })
    expect(await refusalOf(users.messages.get({ ...me, id: 'not-hex' }))).toMatchObject({ status: 400 })
    expect(await refusalOf(users.getProfile({ userId: JANE }))).toMatchObject({ status: 403 })
    expect((await users.getProfile({ userId: SUPPORT })).data.emailAddress).toBe(SUPPORT)
  })

  it('lets the metadata scope see neither bodies nor search results', async () => {
    const { id } = await deliver({ subject: 'private' })
    const limited = await google.mailbox(SUPPORT, ['https://www.googleapis.com/auth/gmail.metadata'])
    expect(await refusalOf(limited.messages.get({ ...me, id, format: 'raw' }))).toMatchObject({ status: 403 })
    expect(await refusalOf(limited.messages.list({ ...me, q: 'private' }))).toMatchObject({ status: 403 })
    expect((await limited.messages.get({ ...me, id, format: 'metadata' })).data.id).toBe(id)
  })
})

describe('history', () => {
  it('tells of arrivals, labels and deletions in order, by ids that grow with gaps', async () => {
    const start = await currentHistory()
    const { id } = await deliver({ subject: 'one' })
    await users.messages.modify({ ...me, id, requestBody: { removeLabelIds: ['UNREAD'], addLabelIds: ['STARRED'] } })
    await users.messages.delete({ ...me, id })
    const { history = [], historyId } = await historySince(start)
    expect(history.map((record) => Object.keys(record).at(-1))).toEqual([
      'messagesAdded',
      'labelsAdded',
      'labelsRemoved',
      'messagesDeleted',
    ])
    expect(history[0]?.messagesAdded?.[0]?.message).toMatchObject({ id, labelIds: ['UNREAD', 'INBOX'] })
    const numbers = history.map((record) => BigInt(record.id ?? 0))
    expect(numbers.toSorted((a, b) => Number(a - b))).toEqual(numbers)
    expect(historyId).toBe(history.at(-1)?.id)
    expect(await historySince(historyId ?? '')).toEqual({ historyId })
    const added = await historySince(start, { historyTypes: ['messageAdded'] })
    expect(added.history).toHaveLength(1)
  })

  it('begins beyond 2^53 for some mailboxes', async () => {
    const starts = await Promise.all(
      ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map(async (name) => {
        const { data } = await (await google.mailbox(`${name}@acme.example`)).getProfile(me)
        return BigInt(data.historyId ?? 0)
      }),
    )
    expect(starts.some((id) => id > 2n ** 53n)).toBe(true)
    expect(starts.some((id) => id < 2n ** 53n)).toBe(true)
  })

  it('gives all pages from one start id', async () => {
    const start = await currentHistory()
    const ids: string[] = []
    for (let count = 0; count < 5; count++) ids.push((await deliver({ subject: `${count}` })).id)
    const seen: unknown[] = []
    let pageToken: string | undefined
    do {
      const page = await historySince(start, { maxResults: 2, pageToken })
      seen.push(...(page.history ?? []).map((record) => record.messagesAdded?.[0]?.message?.id))
      pageToken = page.nextPageToken ?? undefined
    } while (pageToken)
    expect(seen).toEqual(ids)
  })

  it('refuses what is too old or was never issued with 404, nonsense and page tokens of another start with 400', async () => {
    const start = await currentHistory()
    for (let count = 0; count < 3; count++) await deliver({ subject: `${count}` })
    const { nextPageToken: pageToken } = await historySince(start, { maxResults: 1 })
    const future = String(BigInt(await currentHistory()) + 1000n)
    expect(await refusalOf(historySince(future))).toMatchObject({ status: 404, reason: 'notFound' })
    expect(await refusalOf(historySince('12'))).toMatchObject({ status: 404 })
    expect(await refusalOf(historySince('latest'))).toMatchObject({ status: 400 })
    expect(await refusalOf(historySince(await currentHistory(), { pageToken }))).toMatchObject({ status: 400 })
    await google.control('history/page-tokens', { account: SUPPORT })
    expect(await refusalOf(historySince(start, { pageToken }))).toMatchObject({ status: 400 })
    const current = await currentHistory()
    await google.control('history/expire', { account: SUPPORT })
    expect(await refusalOf(historySince(current))).toMatchObject({ status: 404 })
    expect(await historySince(await currentHistory())).not.toHaveProperty('history')
  })

  it('shows drafts as they change, and another id once they are sent', async () => {
    const start = await currentHistory()
    const raw = base64url(mailOf(`To: ${JANE}`, 'Subject: draft', '', 'one'))
    const { data: draft } = await users.drafts.create({ ...me, requestBody: { message: { raw } } })
    const { data: changed } = await users.drafts.update({
      ...me,
      id: draft.id ?? '',
      requestBody: { message: { raw } },
    })
    expect(changed.id).toBe(draft.id)
    const { data: sent } = await users.drafts.send({ ...me, requestBody: { id: draft.id } })
    expect(new Set([draft.message?.id, changed.message?.id, sent.id]).size).toBe(3)
    const { history = [] } = await historySince(start)
    const added = history.flatMap((record) => record.messagesAdded ?? []).map(({ message }) => message?.labelIds)
    expect(added).toEqual([['DRAFT'], ['DRAFT'], ['SENT']])
    expect(history.flatMap((record) => record.messagesDeleted ?? [])).toHaveLength(2)
    expect((await users.drafts.list(me)).data.drafts).toBeUndefined()
  })
})

describe('sending', () => {
  const reply = (subject: string, references: string) =>
    mailOf(
      `From: ${SUPPORT}`,
      `To: Jane <${JANE}>`,
      `Subject: ${subject}`,
      `References: ${references}`,
      '',
      'Try again.',
    )
  const send = (raw: Buffer, threadId?: string) =>
    users.messages.send({ ...me, requestBody: { raw: base64url(raw), threadId } }).then(({ data }) => data)

  it('joins the thread of a known threadId only with References and the same subject', async () => {
    const asked = await deliver({ subject: 'Printer', text: 'On fire', messageId: '<q@example.com>' })
    const joined = await send(reply('Re: Printer', '<q@example.com>'), asked.threadId)
    expect(joined.threadId).toBe(asked.threadId)
    expect((await send(reply('Other', '<q@example.com>'), asked.threadId)).threadId).not.toBe(asked.threadId)
    expect((await send(reply('Re: Printer', '<x@example.com>'), asked.threadId)).threadId).not.toBe(asked.threadId)
    const { data } = await users.threads.get({ ...me, id: asked.threadId, format: 'minimal' })
    expect(idsOf(data.messages)).toEqual([asked.id, joined.id])
  })

  it('refuses an unknown thread with 404 and a malformed one with 400, and sends nothing', async () => {
    const mail = reply('Re: Printer', '<q@example.com>')
    expect(await refusalOf(send(mail, '1234567890abcdef'))).toMatchObject({ status: 404 })
    expect(await refusalOf(send(mail, 'not a thread'))).toMatchObject({ status: 400 })
    expect(await refusalOf(send(mailOf('Subject: to nobody', '', '')))).toMatchObject({
      status: 400,
      message: 'Recipient address required',
    })
    expect((await google.control('sent')).sent).toEqual([])
  })

  it('delivers to other mailboxes without Bcc, keeps it in Sent, and threads the answer at both ends', async () => {
    const jane = await google.mailbox(JANE)
    const boss = await google.mailbox('boss@acme.example')
    const asked = await deliver({ subject: 'Printer', messageId: '<q@example.com>' })
    const mail = mailOf(
      'From: Someone Else <else@acme.example>',
      `To: ${JANE}`,
      'Bcc: boss@acme.example, unknown@nowhere.example',
      'Subject: Re: Printer',
      'References: <q@example.com>',
      'Message-ID: <ours@postroom.example>',
      '',
      'Try again.',
    )
    const sent = await send(mail, asked.threadId)
    expect(sent.labelIds).toEqual(['SENT'])
    const copy = await headersOf(users, sent.id ?? '')
    expect(copy).toMatchObject({
      bcc: 'boss@acme.example, unknown@nowhere.example',
      from: `Someone Else <${SUPPORT}>`,
      'message-id': '<ours@postroom.example>',
    })
    for (const other of [jane, boss]) {
      const [{ id = '' } = {}] = (await other.messages.list(me)).data.messages ?? []
      const headers = await headersOf(other, id ?? '')
      expect(headers).not.toHaveProperty('bcc')
      expect(headers['message-id']).toBe('<ours@postroom.example>')
    }
    const [record] = (await google.control('sent')).sent
    expect(record.recipients).toEqual([JANE, 'boss@acme.example', 'unknown@nowhere.example'])

    const [hers] = (await jane.messages.list(me)).data.messages ?? []
    const answer = await google.control('send-as-user', {
      account: JANE,
      to: SUPPORT,
      text: 'It works',
      inReplyTo: hers?.id,
    })
    expect(answer.threadId).toBe(hers?.threadId)
    const [newest] = (await users.messages.list(me)).data.messages ?? []
    expect(newest?.threadId).toBe(asked.threadId)
  })

  it('delivers to addresses with a plus and to gmail.com addresses whatever their dots', async () => {
    const dotted = await google.mailbox('jane.miller@gmail.com')
    await send(mailOf('To: support+ticket-1@acme.example, JaneMiller+x@googlemail.com', 'Subject: x', '', 'x'))
    expect((await dotted.getProfile(me)).data.messagesTotal).toBe(1)
    expect(idsOf((await users.messages.list({ ...me, labelIds: ['INBOX'] })).data.messages)).toHaveLength(1)
    await google.control('deliver', { to: 'support+ticket-2@acme.example', subject: 'x' })
    expect((await users.getProfile(me)).data.messagesTotal).toBe(2)
  })

  it('keeps one mail with both labels when it is sent to its own mailbox', async () => {
    const sent = await send(mailOf(`To: ${SUPPORT}`, 'Subject: note to self', '', 'x'))
    expect(sent.labelIds?.toSorted()).toEqual(['INBOX', 'SENT', 'UNREAD'])
    expect((await users.getProfile(me)).data.messagesTotal).toBe(1)
  })

  it.each([
    [true, '<ours@postroom.example>'],
    [false, undefined],
  ])('rewrites Message-IDs when told to, and keeps the old one: %s', async (keepOriginal, kept) => {
    await google.control('message-ids', { mode: 'rewrite', keepOriginal })
    const jane = await google.mailbox(JANE)
    const sent = await send(mailOf(`To: ${JANE}`, 'Message-ID: <ours@postroom.example>', 'Subject: x', '', 'x'))
    const own = await headersOf(users, sent.id ?? '')
    expect(own['message-id']).toMatch(/^<CA[\w+-]+@mail\.gmail\.com>$/)
    expect(own['x-google-original-message-id']).toBe(kept)
    const [hers] = (await jane.messages.list(me)).data.messages ?? []
    expect((await headersOf(jane, hers?.id ?? ''))['message-id']).toBe(own['message-id'])
  })

  it('takes a large mail as a multipart upload, byte for byte, into a thread', async () => {
    const asked = await deliver({ subject: 'Big', messageId: '<q@example.com>' })
    const head = mailOf(
      `To: ${JANE}`,
      `From: ${SUPPORT}`,
      'Date: Fri, 20 Nov 2026 10:00:00 +0000',
      'Message-ID: <b@x.example>',
      'In-Reply-To: <q@example.com>',
      'Subject: Re: Big',
      '',
    )
    const body = Buffer.alloc(8_000_000, 'eight bit \xff\r\n', 'latin1')
    const { data } = await users.messages.send(
      {
        ...me,
        requestBody: { threadId: asked.threadId },
        media: { mimeType: 'message/rfc822', body: Readable.from([head, body]) },
      },
      upload(),
    )
    expect(data.threadId).toBe(asked.threadId)
    const stored = await rawOf(users, data.id ?? '')
    expect(stored.subarray(-body.length).equals(body)).toBe(true)
  })

  it('refuses more than 35 MiB, and JSON of more than 10 MiB', async () => {
    const body = Buffer.concat([mailOf(`To: ${JANE}`, ''), Buffer.alloc(36_700_161, 65)])
    const sending = users.messages.send(
      {
        ...me,
        requestBody: {},
        media: { mimeType: 'message/rfc822', body: Readable.from([body]) },
      },
      upload(),
    )
    expect(await refusalOf(sending)).toMatchObject({ status: 413 })
    expect(await refusalOf(send(body.subarray(0, 9_000_000)))).toMatchObject({ status: 400 })
    expect(await refusalOf(users.messages.send({ ...me, requestBody: { raw: 'a' } }))).toMatchObject({ status: 400 })
  })

  it('takes a resumable upload in two ranges', async () => {
    const token = (await (await google.signIn(SUPPORT)).getAccessToken()).token
    const mail = mailOf(`To: ${JANE}`, 'Subject: in pieces', '', 'x'.repeat(300_000))
    const begun = await fetch(`${google.url}/upload/gmail/v1/users/me/messages/send?uploadType=resumable`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{}',
    })
    const put = (from: number, to: number) =>
      fetch(begun.headers.get('location') ?? '', {
        method: 'PUT',
        headers: { 'content-range': `bytes ${from}-${to - 1}/${mail.length}` },
        body: mail.subarray(from, to),
      })
    const first = await put(0, 262_144)
    expect([first.status, first.headers.get('range')]).toEqual([308, 'bytes=0-262143'])
    const { id } = (await (await put(262_144, mail.length)).json()) as { id: string }
    expect((await rawOf(users, id)).includes('x'.repeat(300_000))).toBe(true)
  })
})

describe('quota', () => {
  it('refuses what goes over a minute’s units, by 429 and 403 in turn, until the minute has passed', async () => {
    const { id } = await deliver({ subject: 'expensive' })
    await google.control('quota', { unitsPerMinute: 100 })
    const get = () => users.messages.get({ ...me, id, format: 'minimal' })
    for (let count = 0; count < 5; count++) await get()
    const refusals = [await refusalOf(get()), await refusalOf(get())]
    expect(refusals.map(({ status, reason }) => [status, reason])).toEqual([
      [429, 'userRateLimitExceeded'],
      [403, 'rateLimitExceeded'],
    ])
    expect((await google.control('state')).quotaErrors).toBe(2)
    await google.control('clock', { advance: 61_000 })
    expect((await get()).status).toBe(200)
  })

  it('refuses more than ten requests at once', async () => {
    const { id } = await deliver({ subject: 'popular' })
    await google.control('latency', { ms: 200 })
    const get = () => users.messages.get({ ...me, id, format: 'minimal' })
    const results = await Promise.allSettled(Array.from({ length: 12 }, get))
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(2)
  })

  it('knows no limit once it is lifted', async () => {
    await google.control('quota', { unitsPerMinute: null })
    const { id } = await deliver({ subject: 'cheap' })
    for (let count = 0; count < 350; count++) await users.messages.get({ ...me, id, format: 'minimal' })
    expect((await google.control('state')).quotaErrors).toBe(0)
  })
})

describe('the rest', () => {
  it('inserts and imports without sending', async () => {
    const raw = base64url(mailOf(`To: ${JANE}`, 'Date: Mon, 02 Nov 2026 00:00:00 +0000', 'Subject: old', '', 'x'))
    const { data: inserted } = await users.messages.insert({ ...me, requestBody: { raw, labelIds: ['INBOX'] } })
    const { data: imported } = await users.messages.import({ ...me, requestBody: { raw } })
    const dates = await Promise.all(
      [inserted, imported].map(async ({ id }) => (await users.messages.get({ ...me, id: id ?? '' })).data.internalDate),
    )
    expect(Number(dates[0])).toBeGreaterThan(Date.parse('2026-11-03'))
    expect(dates[1]).toBe(String(Date.parse('2026-11-02T00:00:00Z')))
    expect((await google.control('sent')).sent).toEqual([])
  })

  it('has labels of its own and of the user', async () => {
    const { data: label } = await users.labels.create({ ...me, requestBody: { name: 'To do' } })
    const { id } = await deliver({ subject: 'labelled' })
    await users.messages.modify({ ...me, id, requestBody: { addLabelIds: [label.id ?? ''] } })
    expect(idsOf((await users.messages.list({ ...me, q: 'label:to-do' })).data.messages)).toEqual([id])
    expect((await users.labels.get({ ...me, id: 'INBOX' })).data).toMatchObject({ messagesTotal: 1, threadsUnread: 1 })
    expect((await users.labels.list(me)).data.labels).toContainEqual({ id: label.id, name: 'To do', type: 'user' })
    const wrong = users.messages.modify({ ...me, id, requestBody: { addLabelIds: ['Label_99'] } })
    expect(await refusalOf(wrong)).toMatchObject({ status: 400 })
    expect((await users.settings.sendAs.list(me)).data.sendAs?.[0]).toMatchObject({
      sendAsEmail: SUPPORT,
      isPrimary: true,
    })
  })

  it('answers a batch call by call', async () => {
    const token = (await (await google.signIn(SUPPORT)).getAccessToken()).token
    const { id } = await deliver({ subject: 'batched' })
    const paths = [`messages/${id}?format=minimal`, 'messages/ffffffffffffffff']
    const body = [
      ...paths.flatMap((target, index) => [
        '--b',
        'Content-Type: application/http',
        `Content-ID: <${index}>`,
        '',
        `GET /gmail/v1/users/me/${target}`,
        '',
        '',
      ]),
      '--b--',
      '',
    ].join('\r\n')
    const response = await fetch(`${google.url}/batch/gmail/v1`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'multipart/mixed; boundary=b' },
      body,
    })
    const boundary = /boundary=(.+)$/.exec(response.headers.get('content-type') ?? '')?.[1] ?? ''
    const answers = multipartOf(Buffer.from(await response.arrayBuffer()), boundary)
    expect(answers.map(({ fields }) => fields.at(-1)?.value)).toEqual(['<response-0>', '<response-1>'])
    expect(answers.map((part) => part.body.toString().split('\r\n')[0]?.trim())).toEqual([
      'HTTP/1.1 200',
      'HTTP/1.1 404',
    ])
    expect(answers[0]?.body.toString()).toContain(`"id": "${id}"`)
  })

  it('goes on after a restart with the same mails, ids, history and tokens', async () => {
    const state = mkdtempSync(path.join(tmpdir(), 'google-'))
    try {
      const before = await startForTests({ state })
      const auth = await before.signIn(SUPPORT)
      const { id, historyId } = await before.control('deliver', {
        to: SUPPORT,
        raw: WITH_ATTACHMENT.toString('base64'),
      })
      await before.close()
      const after = await startForTests({ state })
      const { token } = await auth.getAccessToken()
      const response = await fetch(`${after.url}/gmail/v1/users/me/messages/${id}?format=raw`, {
        headers: { authorization: `Bearer ${token}` },
      })
      const message = (await response.json()) as gmail_v1.Schema$Message
      await after.close()
      expect(Buffer.from(message.raw ?? '', 'base64url').equals(WITH_ATTACHMENT)).toBe(true)
      expect(message.historyId).toBe(historyId)
    } finally {
      rmSync(state, { recursive: true })
    }
  })
})
