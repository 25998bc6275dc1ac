// Sending through the simulated Graph with Microsoft's own client: MIME and JSON, drafts, replies, upload sessions, shared senders, refusals.
import { randomBytes } from 'node:crypto'
import { type Client, FileUpload, LargeFileUploadTask } from '@microsoft/microsoft-graph-client'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Microsoft, mailOf, refusalOf, startForTests } from './graph-client.ts'

const SUPPORT = 'support@contoso.example'
const ANNA = 'anna@contoso.example'
const INFO = 'info@contoso.example'
const JANE = 'jane@mail.example'
const SHARED = 'User.Read Mail.ReadWrite.Shared Mail.Send.Shared'
const IMMUTABLE = 'IdType="ImmutableId"'

let microsoft: Microsoft
let graph: Client

beforeEach(async () => {
  microsoft = await startForTests()
  graph = await microsoft.client(SUPPORT)
})
afterEach(async () => {
  await microsoft.close()
  expect(microsoft.world.violations).toEqual([])
})

const mime = (...lines: string[]) => mailOf(...lines).toString('base64')
const sendMime = (client: Client, base: string, body: string) =>
  client.api(`${base}/sendMail`).header('Content-Type', 'text/plain').post(body)
const messagesOf = async (account: string) => (await microsoft.control(`messages?account=${account}`)).messages
const rawOf = async (account: string, id: string): Promise<string> =>
  Buffer.from((await microsoft.control(`raw?account=${account}&id=${encodeURIComponent(id)}`)).raw, 'base64').toString()

const REPLY = [
  `From: Contoso Support <${SUPPORT}>`,
  `To: ${ANNA}`,
  'Bcc: hidden@mail.example',
  'Subject: Re: Printer',
  'Message-ID: <ours@contoso.example>',
  'In-Reply-To: <theirs@mail.example>',
  'References: <first@mail.example>',
  ' <theirs@mail.example>',
  'X-Mark: 1',
  '',
  'Here you are.',
]

describe('MIME', () => {
  it('goes out as it is, with a copy in Sent Items and in the mailbox it is for', async () => {
    await sendMime(graph, '/me', mime(...REPLY))
    const [copy] = (await graph.api('/me/mailFolders/sentitems/messages').get()).value
    expect(copy).toMatchObject({ internetMessageId: '<ours@contoso.example>', isDraft: false, isRead: true })
    expect(copy.bccRecipients).toEqual([
      { emailAddress: { name: 'hidden@mail.example', address: 'hidden@mail.example' } },
    ])
    const [arrived] = await messagesOf(ANNA)
    const raw = await rawOf(ANNA, arrived.id)
    expect(raw).toContain('References: <first@mail.example>\r\n <theirs@mail.example>\r\n')
    expect(raw).not.toContain('Bcc')
    expect((await microsoft.control('sent')).sent).toMatchObject([
      { account: SUPPORT, from: SUPPORT, recipients: [ANNA, 'hidden@mail.example'] },
    ])
  })

  it('loses Message-ID and threading headers where Exchange strips them', async () => {
    await microsoft.control('headers', { mode: 'strip' })
    await sendMime(graph, '/me', mime(...REPLY))
    const [arrived] = await messagesOf(ANNA)
    expect(arrived.internetMessageId).not.toBe('<ours@contoso.example>')
    expect(await rawOf(ANNA, arrived.id)).not.toMatch(/^(In-Reply-To|References|X-Mark):/m)
  })

  it('is refused where it is no base64, has no recipients, or is over 4 MB', async () => {
    expect(await refusalOf(sendMime(graph, '/me', 'From: plainly no base64'))).toMatchObject({
      status: 400,
      code: 'ErrorMimeContentInvalidBase64String',
    })
    expect(await refusalOf(sendMime(graph, '/me', mime('Subject: to nobody', '', 'a')))).toMatchObject({
      status: 400,
      code: 'ErrorInvalidRecipients',
    })
    const large = mime(...REPLY, 'x'.repeat(4 * 1024 * 1024))
    expect((await refusalOf(sendMime(graph, '/me', large))).status).toBe(413)
    expect((await microsoft.control('sent')).sent).toEqual([])
  })

  it('may become a draft first, which is sent with its immutable id', async () => {
    const draft = await graph
      .api('/me/messages')
      .headers({ 'Content-Type': 'text/plain', Prefer: IMMUTABLE })
      .post(mime(...REPLY))
    expect(draft).toMatchObject({ isDraft: true, internetMessageId: '<ours@contoso.example>' })
    await microsoft.control('sent-delay', { ms: 700 })
    await graph.api(`/me/messages/${draft.id}/send`).post({})
    const sentItems = await graph.api('/me/mailFolders/sentitems').get()
    const folder = async () =>
      (await graph.api(`/me/messages/${draft.id}`).header('Prefer', IMMUTABLE).get()).parentFolderId
    expect(await folder()).not.toBe(sentItems.id)
    await expect.poll(folder, { timeout: 5_000 }).toBe(sentItems.id)
    expect((await refusalOf(graph.api(`/me/messages/${draft.id}/send`).post({}))).status).toBe(400)
  })
})

describe('JSON', () => {
  const message = {
    subject: 'Grüße',
    body: { contentType: 'html', content: '<p>Hello</p>' },
    toRecipients: [{ emailAddress: { address: ANNA, name: 'Anna Berg' } }],
    internetMessageHeaders: [{ name: 'x-ticket', value: '7' }],
    attachments: [
      {
        '@odata.type': '#microsoft.graph.fileAttachment',
        name: 'a.txt',
        contentType: 'text/plain',
        contentBytes: 'aGk=',
      },
    ],
  }

  it('becomes a mail, with or without a copy', async () => {
    await graph.api('/me/sendMail').post({ message })
    await graph.api('/me/sendMail').post({ Message: message, SaveToSentItems: false })
    expect((await graph.api('/me/mailFolders/sentitems/messages').get()).value).toHaveLength(1)
    const anna = await microsoft.client(ANNA)
    const [arrived, other] = (await anna.api('/me/messages').expand('attachments').get()).value
    expect(other.subject).toBe('Grüße')
    expect(arrived).toMatchObject({ subject: 'Grüße', body: { contentType: 'html', content: '<p>Hello</p>' } })
    expect(arrived.attachments).toMatchObject([{ name: 'a.txt', size: 2, contentBytes: 'aGk=' }])
    const { internetMessageHeaders } = await anna
      .api(`/me/messages/${arrived.id}`)
      .select('internetMessageHeaders')
      .get()
    expect(internetMessageHeaders).toContainEqual({ name: 'x-ticket', value: '7' })
  })

  it('may set no headers but x- ones', async () => {
    const forged = { ...message, internetMessageHeaders: [{ name: 'References', value: '<a@b>' }] }
    expect(await refusalOf(graph.api('/me/sendMail').post({ message: forged }))).toMatchObject({
      status: 400,
      code: 'InvalidInternetMessageHeader',
    })
  })

  it('makes drafts that can be changed until they are sent', async () => {
    const draft = await graph.api('/me/messages').post(message)
    const path = `/me/messages/${draft.id}`
    const changed = await graph.api(path).patch({ subject: 'Changed', body: { contentType: 'text', content: 'New' } })
    expect(changed).toMatchObject({
      subject: 'Changed',
      body: { contentType: 'text', content: 'New' },
      hasAttachments: true,
    })
    await graph.api(`${path}/send`).post({})
    const [sent] = (await graph.api('/me/mailFolders/sentitems/messages').get()).value
    expect((await refusalOf(graph.api(`/me/messages/${sent.id}`).patch({ subject: 'Too late' }))).status).toBe(400)
  })
})

describe('replies', () => {
  const ask = () =>
    microsoft.control('deliver', {
      to: SUPPORT,
      from: `Anna Berg <${ANNA}>`,
      cc: `${JANE}, ${SUPPORT}`,
      subject: 'Printer',
      text: 'It is on fire.',
      messageId: '<theirs@mail.example>',
    })

  it('keep their thread even where headers of MIME are stripped', async () => {
    await microsoft.control('headers', { mode: 'strip' })
    const { id, conversationId } = await ask()
    const draft = await graph.api(`/me/messages/${id}/createReply`).post({ comment: 'Keep calm.' })
    expect(draft).toMatchObject({ isDraft: true, subject: 'Re: Printer', conversationId })
    expect(draft.body.content).toMatch(/Keep calm\.[\s\S]*It is on fire\./)
    await graph.api(`/me/messages/${draft.id}`).patch({ body: { contentType: 'text', content: 'Ours alone.' } })
    await graph.api(`/me/messages/${draft.id}/send`).post({})
    const raw = await rawOf(ANNA, (await messagesOf(ANNA))[0].id)
    expect(raw).toMatch(/^In-Reply-To: <theirs@mail\.example>/m)
    expect(raw).toMatch(/^References: <theirs@mail\.example>/m)
  })

  it('go to all but oneself, or out at once', async () => {
    const { id } = await ask()
    const all = await graph.api(`/me/messages/${id}/createReplyAll`).post({})
    const addresses = (list: { emailAddress: { address: string } }[]) =>
      list.map(({ emailAddress }) => emailAddress.address)
    expect([addresses(all.toRecipients), addresses(all.ccRecipients)]).toEqual([[ANNA], [JANE]])
    await graph.api(`/me/messages/${id}/reply`).post({ comment: 'At once.' })
    expect((await messagesOf(ANNA))[0].subject).toBe('Re: Printer')
  })

  it('typed in Outlook stand in Sent Items in the same conversation, and so does the answer', async () => {
    const { id, conversationId } = await ask()
    const typed = await microsoft.control('send-as-user', { account: SUPPORT, to: ANNA, text: 'Typed.', inReplyTo: id })
    expect(typed.conversationId).toBe(conversationId)
    const again = await microsoft.control('deliver', {
      to: SUPPORT,
      from: ANNA,
      subject: 'RE: Printer',
      inReplyTo: typed.internetMessageId,
    })
    expect(again.conversationId).toBe(conversationId)
    const other = await microsoft.control('deliver', {
      to: SUPPORT,
      subject: 'Another',
      inReplyTo: '<theirs@mail.example>',
    })
    expect(other.conversationId).not.toBe(conversationId)
  })
})

describe('attachments of drafts', () => {
  const draftPath = async () => `/me/messages/${(await graph.api('/me/messages').post({ subject: 'With files' })).id}`
  const file = (bytes: Buffer) => ({
    '@odata.type': '#microsoft.graph.fileAttachment',
    name: 'a.bin',
    contentBytes: bytes.toString('base64'),
  })
  const session = (size: number) => ({ AttachmentItem: { attachmentType: 'file', name: 'large.bin', size } })

  it('go in one request below 3 MB, and only by an upload session from there on', async () => {
    const path = await draftPath()
    const { id } = await graph.api(`${path}/attachments`).post(file(Buffer.from('small')))
    expect((await graph.api(`${path}/attachments/${id}`).get()).contentBytes).toBe(
      Buffer.from('small').toString('base64'),
    )
    expect((await refusalOf(graph.api(`${path}/attachments`).post(file(Buffer.alloc(3 * 1024 * 1024))))).status).toBe(
      413,
    )
    expect(await refusalOf(graph.api(`${path}/attachments/createUploadSession`).post(session(1_000)))).toMatchObject({
      status: 400,
      code: 'ErrorAttachmentSizeShouldNotBeLessThanMinimumSize',
    })
  })

  it('arrive whole through LargeFileUploadTask', async () => {
    const path = await draftPath()
    await graph.api(`${path}/attachments`).post(file(Buffer.from('small')))
    const bytes = randomBytes(5_000_000)
    const payload = session(bytes.length)
    const begun = await LargeFileUploadTask.createUploadSession(
      graph,
      `${path}/attachments/createUploadSession`,
      payload,
    )
    const upload = new FileUpload(new Uint8Array(bytes), 'large.bin', bytes.length)
    const done = await new LargeFileUploadTask(graph, upload, begun, { rangeSize: 2 * 1024 * 1024 }).upload()
    expect((done as { location: string }).location).toMatch(/\/Attachments\('/)
    const { value } = await graph.api(`${path}/attachments`).get()
    expect(value.map(({ name, size }: { name: string; size: number }) => [name, size])).toEqual([
      ['a.bin', 5],
      ['large.bin', bytes.length],
    ])
    expect(Buffer.from(value[1].contentBytes, 'base64').equals(bytes)).toBe(true)
  })

  it('come in order, to a URL that is its own credential', async () => {
    const path = await draftPath()
    const size = 4_000_000
    const { uploadUrl } = await graph.api(`${path}/attachments/createUploadSession`).post(session(size))
    const put = (url: string, from: number, to: number) =>
      fetch(url, {
        method: 'PUT',
        headers: { 'content-range': `bytes ${from}-${to}/${size}` },
        body: Buffer.alloc(to - from + 1),
      })
    expect((await put(uploadUrl, 1_000_000, 1_999_999)).status).toBe(416)
    const first = await put(uploadUrl, 0, 999_999)
    expect([first.status, await first.json()]).toMatchObject([200, { NextExpectedRanges: ['1000000-'] }])
    expect((await put(uploadUrl.replace(/authtoken=.*/, 'authtoken=guessed'), 1_000_000, 3_999_999)).status).toBe(404)
    expect((await fetch(uploadUrl, { method: 'DELETE' })).status).toBe(204)
    expect((await put(uploadUrl, 1_000_000, 3_999_999)).status).toBe(404)
  })
})

describe('shared mailboxes', () => {
  const from = (address: string) => mime(`From: <${address}>`, `To: ${JANE}`, 'Subject: Hello', '', 'a')
  const sentItemsOf = async (account: string) =>
    (await messagesOf(account)).filter(({ folder }: { folder: string }) => folder === 'sentitems').length

  it('keep the copy of what is sent through them; what is sent through one’s own with their address stays there', async () => {
    const anna = await microsoft.client(ANNA, SHARED)
    await sendMime(anna, `/users/${INFO}`, from(INFO))
    expect([await sentItemsOf(INFO), await sentItemsOf(ANNA)]).toEqual([1, 0])
    await sendMime(anna, '/me', from(INFO))
    expect([await sentItemsOf(INFO), await sentItemsOf(ANNA)]).toEqual([1, 1])
  })

  it('are no sender for those who may only read, or for strangers', async () => {
    await microsoft.control('accounts', { email: INFO, delegates: [ANNA], sendAs: [] })
    const anna = await microsoft.client(ANNA, SHARED)
    const denied = { status: 403, code: 'ErrorSendAsDenied' }
    expect(await refusalOf(sendMime(anna, `/users/${INFO}`, from(INFO)))).toMatchObject(denied)
    expect(await refusalOf(sendMime(graph, '/me', from(INFO)))).toMatchObject(denied)
    expect(await refusalOf(sendMime(graph, '/me', from('boss@elsewhere.example')))).toMatchObject(denied)
    expect((await refusalOf(sendMime(graph, `/users/${INFO}`, from(INFO)))).status).toBe(403)
    expect((await microsoft.control('sent')).sent).toEqual([])
  })

  it('are open to an app that may send', async () => {
    await sendMime(await microsoft.app(), `/users/${INFO}`, from(INFO))
    expect(await sentItemsOf(INFO)).toBe(1)
  })
})

describe('marking', () => {
  it('sets categories and the read flag, and deletes into the bin first', async () => {
    const { id } = await microsoft.control('deliver', { to: SUPPORT, subject: 'a' })
    await graph.api('/me/outlook/masterCategories').post({ displayName: 'Done', color: 'preset3' })
    expect((await graph.api('/me/outlook/masterCategories').get()).value).toMatchObject([{ displayName: 'Done' }])
    const marked = await graph.api(`/me/messages/${id}`).patch({ isRead: true, categories: ['Done'] })
    expect(marked).toMatchObject({ isRead: true, categories: ['Done'] })
    await graph.api(`/me/messages/${id}`).delete()
    const [binned] = (await graph.api('/me/mailFolders/deleteditems/messages').get()).value
    await graph.api(`/me/messages/${binned.id}`).delete()
    expect((await graph.api('/me/messages').get()).value).toEqual([])
  })

  it('is refused to a token that may only read', async () => {
    const reader = await microsoft.client('reader@contoso.example', 'User.Read Mail.Read')
    const { id } = await microsoft.control('deliver', { to: 'reader@contoso.example', subject: 'a' })
    expect((await refusalOf(reader.api(`/me/messages/${id}`).patch({ isRead: true }))).status).toBe(403)
    expect((await refusalOf(reader.api('/me/messages').post({ subject: 'a' }))).status).toBe(403)
    expect((await refusalOf(reader.api('/me/sendMail').post({ message: { subject: 'a' } }))).status).toBe(403)
  })
})
