// The simulated Graph as Microsoft's own client sees it: folders, lists, MIME, attachments, ids. No contract may have been broken at the end of any test.
import { type Client, PageIterator, ResponseType } from '@microsoft/microsoft-graph-client'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Microsoft, mailOf, refusalOf, startForTests } from './graph-client.ts'

const SUPPORT = 'support@contoso.example'
const ANNA = 'anna@contoso.example'
const INFO = 'info@contoso.example'
const JANE = 'jane@mail.example'
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

const deliver = (mail: object) => microsoft.control('deliver', { to: SUPPORT, from: `Jane Roe <${JANE}>`, ...mail })
const mimeOf = async (client: Client, path: string): Promise<Buffer> =>
  Buffer.from(await client.api(`${path}/$value`).responseType(ResponseType.ARRAYBUFFER).get())
const subjectsOf = (answer: { value: { subject?: string }[] }) => answer.value.map(({ subject }) => subject)

const WITH_ATTACHMENTS = mailOf(
  'From: =?utf-8?Q?J=C3=A9r=C3=B4me?= <jerome@example.org>',
  `To: "Support, Contoso" <${SUPPORT}>, ${ANNA}`,
  'Subject: =?utf-8?B?R3LDvMOfZQ==?=',
  'Message-ID: <one@example.org>',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary="outer"',
  '',
  '--outer',
  'Content-Type: multipart/alternative; boundary=inner',
  '',
  '--inner',
  'Content-Type: text/plain; charset=iso-8859-1',
  'Content-Transfer-Encoding: quoted-printable',
  '',
  'Gr=FC=DFe',
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
  '--outer',
  'Content-Type: message/rfc822',
  '',
  'Subject: inside',
  '',
  'A mail in a mail.',
  '--outer--',
)

describe('the user and the folders', () => {
  it('says whose token it is', async () => {
    expect(await graph.api('/me').get()).toMatchObject({ mail: SUPPORT, userPrincipalName: SUPPORT })
    expect(await graph.api(`/users/${SUPPORT}`).get()).toMatchObject({ mail: SUPPORT })
  })

  it('finds folders by well-known name in any case and form, never by the name that people see', async () => {
    await microsoft.control('mailbox', { account: SUPPORT, language: 'de' })
    const inbox = await graph.api('/me/mailFolders/inbox').get()
    expect(inbox.displayName).toBe('Posteingang')
    for (const path of ["/me/mailFolders('Inbox')", '/me/mailfolders/INBOX', `/me/mailFolders/${inbox.id}`]) {
      expect((await graph.api(path).get()).id).toBe(inbox.id)
    }
    expect(await refusalOf(graph.api('/me/mailFolders/Posteingang').get())).toMatchObject({
      status: 400,
      code: 'ErrorInvalidIdMalformed',
    })
    const names = (await graph.api('/me/mailFolders').top(100).get()).value.map(
      ({ displayName }: { displayName: string }) => displayName,
    )
    expect(names).toContain('Gesendete Elemente')
  })

  it('lists the folder that has a name, of the owner’s language or of his own choice', async () => {
    const named = async (name: string) =>
      (await graph.api('/me/mailFolders').filter(`displayName eq '${name}'`).get()).value.map(
        ({ displayName }: { displayName: string }) => displayName,
      )
    const made = await microsoft.control('mailbox', { account: SUPPORT, folder: "Jane's" })
    expect(await named("Jane''s")).toEqual(["Jane's"])
    expect((await graph.api(`/me/mailFolders/${made.id}`).get()).displayName).toBe("Jane's")
    expect([await named('Inbox'), await named('Posteingang')]).toEqual([['Inbox'], []])
    await microsoft.control('mailbox', { account: SUPPORT, language: 'de' })
    expect([await named('Inbox'), await named('Posteingang')]).toEqual([[], ['Posteingang']])
    const wrong = graph.api('/me/mailFolders').filter("isHidden eq 'a'").get()
    expect((await refusalOf(wrong)).status).toBe(400)
  })
})

describe('new folders', () => {
  const named = (displayName: string) => ({ displayName })

  it('stand beside the others or inside one, each name once a level, and take mail', async () => {
    const done = await graph.api('/me/mailFolders').post(named('Done'))
    const inside = await graph.api('/me/mailFolders/inbox/childFolders').post(named('Done'))
    expect(inside).toMatchObject({ displayName: 'Done', totalItemCount: 0 })
    const top = await graph.api('/me/mailFolders').top(100).get()
    expect(top.value.map(({ id }: { id: string }) => id)).toContain(done.id)
    expect(top.value.map(({ id }: { id: string }) => id)).not.toContain(inside.id)
    expect((await graph.api('/me/mailFolders/inbox/childFolders').get()).value).toMatchObject([{ id: inside.id }])
    const inbox = await graph.api('/me/mailFolders/inbox').get()
    expect(inbox.childFolderCount).toBe(1)
    expect(inside.parentFolderId).toBe(inbox.id)
    const again = await refusalOf(graph.api('/me/mailFolders').post(named('done')))
    expect(again).toMatchObject({ status: 409, code: 'ErrorFolderExists' })
    const { id } = await deliver({ subject: 'filed' })
    const moved = await graph.api(`/me/messages/${id}/move`).post({ destinationId: inside.id })
    expect(moved.parentFolderId).toBe(inside.id)
  })

  it('and marks need the permission to write', async () => {
    const { id } = await deliver({ to: ANNA, subject: 'read only' })
    const reader = await microsoft.client(ANNA, 'User.Read Mail.Read')
    for (const refused of [
      () => reader.api('/me/mailFolders').post(named('Done')),
      () => reader.api(`/me/messages/${id}`).patch({ isRead: true }),
      () => reader.api(`/me/messages/${id}/move`).post({ destinationId: 'archive' }),
    ])
      expect(await refusalOf(refused())).toMatchObject({ status: 403, code: 'ErrorAccessDenied' })
  })
})

describe('reading', () => {
  it('gives back exactly the bytes that arrived, LF-only ones too, and the same mail as JSON', async () => {
    const raw = Buffer.from(WITH_ATTACHMENTS.toString().replaceAll('\r\n', '\n'))
    const { id, conversationId } = await deliver({ raw: raw.toString('base64'), receivedAt: 1_700_000_000_123 })
    expect((await mimeOf(graph, `/me/messages/${id}`)).equals(raw)).toBe(true)
    const message = await graph.api(`/me/messages/${id}`).expand('attachments').get()
    expect(message).toMatchObject({
      id,
      conversationId,
      subject: 'Grüße',
      internetMessageId: '<one@example.org>',
      receivedDateTime: '2023-11-14T22:13:20Z',
      hasAttachments: true,
      isRead: false,
      isDraft: false,
      bodyPreview: 'Grüße',
      body: { contentType: 'html', content: '<p>Hello</p>' },
      from: { emailAddress: { name: 'Jérôme', address: 'jerome@example.org' } },
      toRecipients: [
        { emailAddress: { name: 'Support, Contoso', address: SUPPORT } },
        { emailAddress: { name: ANNA, address: ANNA } },
      ],
    })
    expect(message.internetMessageHeaders).toBeUndefined()
    expect(message.attachments).toHaveLength(2)
  })

  it('has three kinds of attachments, whose bytes come where there are any', async () => {
    const { id } = await deliver({ raw: WITH_ATTACHMENTS.toString('base64'), links: ['plan.docx'] })
    const { value } = await graph.api(`/me/messages/${id}/attachments`).get()
    expect(value.map((one: Record<string, unknown>) => [one['@odata.type'], one.name])).toEqual([
      ['#microsoft.graph.fileAttachment', 'a.pdf'],
      ['#microsoft.graph.itemAttachment', 'inside'],
      ['#microsoft.graph.referenceAttachment', 'plan.docx'],
    ])
    const [file, item, link] = value
    expect(Buffer.from(file.contentBytes, 'base64').toString()).toBe('%PDF-1.4 not really')
    const path = `/me/messages/${id}/attachments`
    expect((await mimeOf(graph, `${path}/${file.id}`)).toString()).toBe('%PDF-1.4 not really')
    expect((await mimeOf(graph, `${path}/${item.id}`)).toString()).toContain('A mail in a mail.')
    expect((await refusalOf(mimeOf(graph, `${path}/${link.id}`))).status).toBe(400)
    const wrong = graph.api(path).select('contentBytes').get()
    expect(await refusalOf(wrong)).toMatchObject({ status: 400, code: 'BadRequest' })
  })

  it('says that files are attached where only a link is, and nowhere else', async () => {
    await deliver({ subject: 'link', receivedAt: 2, links: ['plan.docx'] })
    await deliver({ subject: 'plain', receivedAt: 1 })
    for (const path of ['/me/mailFolders/inbox/messages', '/me/mailFolders/inbox/messages/delta']) {
      const { value } = await graph.api(path).select('subject,hasAttachments').get()
      expect(value).toEqual([
        expect.objectContaining({ subject: 'link', hasAttachments: true }),
        expect.objectContaining({ subject: 'plain', hasAttachments: false }),
      ])
    }
  })

  it('selects, filters, sorts and pages as Exchange does', async () => {
    for (let day = 1; day <= 5; day++) {
      await deliver({ subject: `day ${day}`, messageId: `<${day}@example.org>`, receivedAt: Date.UTC(2026, 0, day) })
    }
    const inbox = () => graph.api('/me/mailFolders/inbox/messages').select('subject')
    expect(subjectsOf(await inbox().top(2).get())).toEqual(['day 5', 'day 4'])
    const since = 'receivedDateTime ge 2026-01-03T00:00:00Z'
    expect(subjectsOf(await inbox().filter(since).orderby('receivedDateTime').get())).toEqual([
      'day 3',
      'day 4',
      'day 5',
    ])
    expect(subjectsOf(await inbox().filter("internetMessageId eq '<2@example.org>'").get())).toEqual(['day 2'])
    const one = (await inbox().filter("internetMessageId eq '<2@example.org>'").select('conversationId').get()).value[0]
    expect(Object.keys(one).sort()).toEqual(['@odata.etag', 'conversationId', 'id', 'subject'])
    const filter = `conversationId eq '${one.conversationId}'`
    expect(subjectsOf(await inbox().filter(filter).get())).toEqual(['day 2'])
    expect(await refusalOf(inbox().filter(filter).orderby('receivedDateTime desc').get())).toMatchObject({
      status: 400,
      code: 'InefficientFilter',
    })
    expect((await refusalOf(inbox().select('nonsense').get())).status).toBe(400)

    const seen: string[] = []
    const first = await inbox().top(2).get()
    await new PageIterator(graph, first, ({ subject }: { subject: string }) => seen.push(subject) > 0).iterate()
    expect(seen).toEqual(['day 5', 'day 4', 'day 3', 'day 2', 'day 1'])
  })

  it('streams a mail of 30 MB unchanged', async () => {
    const raw = Buffer.concat([mailOf('Subject: large', ''), Buffer.alloc(30_000_001, 'large mails ')])
    const { id } = await deliver({ raw: raw.toString('base64') })
    expect((await mimeOf(graph, `/me/messages/${id}`)).equals(raw)).toBe(true)
  })
})

describe('an answer that is cut', () => {
  it('ends in the middle of a mail', async () => {
    const raw = Buffer.concat([mailOf('Subject: cut', ''), Buffer.alloc(2_000_001, 'large mails ')])
    const { id } = await deliver({ raw: raw.toString('base64') })
    const headers = { authorization: `Bearer ${await microsoft.signIn(SUPPORT, 'Mail.Read')}` }
    await microsoft.control('fault', { path: '/messages/', kind: 'cut' })
    const { body } = await fetch(`${microsoft.url}/v1.0/me/messages/${id}/$value`, { headers })
    let arrived = 0
    const reading = async () => {
      for await (const chunk of body ?? []) arrived += chunk.length
    }
    await expect(reading()).rejects.toThrow()
    expect(arrived).toBe(Math.floor(raw.length / 2))
  })
})

describe('ids', () => {
  it('change when a mail moves, unless they are asked to be immutable', async () => {
    const { id, immutableId } = await deliver({ subject: 'to be moved' })
    const read = (of: string) => graph.api(`/me/messages/${of}`).header('Prefer', IMMUTABLE).get()
    expect((await read(id)).id).toBe(immutableId)
    const moved = await graph.api(`/me/messages/${id}/move`).post({ destinationId: 'archive' })
    expect(moved.id).not.toBe(id)
    expect(await refusalOf(graph.api(`/me/messages/${id}`).get())).toMatchObject({
      status: 404,
      code: 'ErrorItemNotFound',
    })
    expect(await read(immutableId)).toMatchObject({ id: immutableId, parentFolderId: moved.parentFolderId })
  })

  it('are case-sensitive: two mails may differ in nothing else', async () => {
    const ids = new Set<string>()
    for (let count = 0; count < 6; count++) ids.add((await deliver({ subject: `${count}` })).immutableId)
    expect(ids.size).toBe(6)
    expect(new Set([...ids].map((id) => id.toLowerCase())).size).toBeLessThan(6)
  })

  it('are said to be immutable only to the exact header', async () => {
    const { id, immutableId } = await deliver({ subject: 'a' })
    const token = await microsoft.signIn(SUPPORT, 'Mail.Read')
    const asked = async (prefer: string) => {
      const headers = { authorization: `Bearer ${token}`, prefer }
      const response = await fetch(`${microsoft.url}/v1.0/me/messages/${id}?$select=id`, { headers })
      const { id: answered } = (await response.json()) as { id: string }
      return { id: answered, applied: response.headers.get('preference-applied') }
    }
    expect(await asked(IMMUTABLE)).toEqual({ id: immutableId, applied: IMMUTABLE })
    expect(await asked('idtype="immutableid"')).toEqual({ id, applied: null })
  })
})

describe('whose mailbox', () => {
  it('opens a shared mailbox for a delegate with the .Shared scope, and for nobody else', async () => {
    await microsoft.control('deliver', { to: INFO, from: JANE, subject: 'for the team' })
    const path = `/users/${INFO}/mailFolders/inbox/messages`
    const delegate = await microsoft.client(ANNA, 'User.Read Mail.Read.Shared')
    expect(subjectsOf(await delegate.api(path).get())).toEqual(['for the team'])
    const refused = { status: 403, code: 'ErrorAccessDenied' }
    const stranger = await microsoft.client(SUPPORT, 'User.Read Mail.Read.Shared')
    expect(await refusalOf(stranger.api(path).get())).toMatchObject(refused)
    const elsewhere = await microsoft.client('adele@fabrikam.example', 'User.Read Mail.Read.Shared')
    expect(await refusalOf(elsewhere.api(path).get())).toMatchObject({ status: 404, code: 'ErrorInvalidUser' })
  })

  it('takes the scope into account, not only the delegation', async () => {
    const own = await microsoft.client('otto@contoso.example', 'User.Read Mail.Read')
    await microsoft.control('accounts', { email: INFO, delegates: [ANNA, 'otto@contoso.example'] })
    expect((await refusalOf(own.api(`/users/${INFO}/messages`).get())).status).toBe(403)
  })

  it('opens any mailbox of its directory for an app, except those that a policy closes', async () => {
    const app = await microsoft.app()
    await deliver({ subject: 'to all' })
    expect(subjectsOf(await app.api(`/users/${SUPPORT}/messages`).get())).toEqual(['to all'])
    expect(await refusalOf(app.api('/me/messages').get())).toMatchObject({ status: 400 })
    expect((await refusalOf(app.api('/users/adele@fabrikam.example/messages').get())).status).toBe(404)
    await microsoft.control('mailbox', { account: SUPPORT, closedToApps: true })
    expect(await refusalOf(app.api(`/users/${SUPPORT}/messages`).get())).toMatchObject({ status: 403 })
  })

  it('says when an account has no mailbox, and carries a request id in every answer', async () => {
    await microsoft.control('mailbox', { account: SUPPORT, enabled: false })
    expect(await refusalOf(graph.api('/me/messages').get())).toMatchObject({
      status: 404,
      code: 'MailboxNotEnabledForRESTAPI',
    })
    const response = await fetch(`${microsoft.url}/v1.0/me/messages`)
    const { error } = (await response.json()) as { error: { code: string; innerError: Record<string, string> } }
    expect([response.status, error.code]).toEqual([401, 'InvalidAuthenticationToken'])
    expect(response.headers.get('request-id')).toBe(error.innerError['request-id'])
  })
})

describe('throttling', () => {
  it('refuses a fifth request at once, and those over the quota with Retry-After', async () => {
    const token = await microsoft.signIn(SUPPORT, 'Mail.Read')
    const ask = () => fetch(`${microsoft.url}/v1.0/me/messages`, { headers: { authorization: `Bearer ${token}` } })
    await microsoft.control('latency', { ms: 100 })
    const crowd = await Promise.all(Array.from({ length: 5 }, ask))
    expect(crowd.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 429])
    expect(await microsoft.control('state')).toMatchObject({ quotaErrors: 1, mostAtOnce: 5 })
    await microsoft.control('latency', { ms: 0 })
    await microsoft.control('quota', { requests: 4 })
    const refused = await ask()
    expect([refused.status, Number(refused.headers.get('retry-after'))]).toEqual([429, expect.closeTo(600, -1)])
    await microsoft.control('clock', { advance: 600_000 })
    await microsoft.control('quota', { requests: null })
    expect((await ask()).status).toBe(200)
    expect(await microsoft.control('state')).toMatchObject({ quotaErrors: 2, mostAtOnce: 5 })
  })

  it('counts an answer as under way until its last byte, or until nobody reads on', async () => {
    const raw = Buffer.concat([mailOf('Subject: large', ''), Buffer.alloc(30_000_001, 'large mails ')])
    const { id } = await deliver({ raw: raw.toString('base64') })
    const headers = { authorization: `Bearer ${await microsoft.signIn(SUPPORT, 'Mail.Read')}` }
    const open = async (to: string) => fetch(`${microsoft.url}/v1.0/me/messages${to}`, { headers })
    await microsoft.control('concurrency', { max: 1 })
    const reading = await open(`/${id}/$value`)
    expect([reading.status, (await open('')).status]).toEqual([200, 429])
    expect((await reading.arrayBuffer()).byteLength).toBe(raw.length)
    expect((await open('')).status).toBe(200)
    const left = await open(`/${id}/$value`)
    await left.body?.cancel()
    await expect.poll(async () => (await open('')).status).toBe(200)
    expect(await microsoft.control('state')).toMatchObject({ mostAtOnce: 2 })
  })

  it('lets more at once where the limit is lifted, and says how many', async () => {
    const headers = { authorization: `Bearer ${await microsoft.signIn(SUPPORT, 'Mail.Read')}` }
    await microsoft.control('concurrency', { max: null })
    await microsoft.control('latency', { ms: 100 })
    await Promise.all(Array.from({ length: 7 }, () => fetch(`${microsoft.url}/v1.0/me/messages`, { headers })))
    expect(await microsoft.control('state')).toMatchObject({ quotaErrors: 0, mostAtOnce: 7 })
  })
})
