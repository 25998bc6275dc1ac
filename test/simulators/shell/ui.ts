// The pages for people: accounts, mail from outside into an account, and each account's mailbox as its owner sees it.
// Pages act through the same control routes that tests use.
import type { Dispatch, Route, SimRequest, SimResponse } from './http.ts'
import { composeMail } from './ui-mail.ts'
import {
  accountsPage,
  composePage,
  type MessageView,
  mailboxPage,
  type Stub,
  threadPage,
  threadPath,
  type Vendor,
  viewOf,
} from './ui-pages.ts'
import type { Account, World } from './world.ts'

/** What the pages read. */
export type Reader = {
  vendor(): Vendor
  /** everything in a mailbox, in any order */
  messages(email: string): Stub[]
  raw(email: string, id: string): Buffer
}

export function uiRoutes(world: World, reader: Reader): Route[] {
  const accounts = () => [...world.accounts.values()]
  const accountOf = (params: Record<string, string>): Account | null => world.accounts.get(params.account ?? '') ?? null
  const oldestFirst = (one: Stub, other: Stub) => one.date - other.date || (one.id < other.id ? -1 : 1)
  const view = (email: string, message: Stub) => viewOf(reader.raw(email, message.id), message)
  /** Messages of a thread, oldest first. */
  const threadOf = (email: string, threadId: string): MessageView[] =>
    reader
      .messages(email)
      .filter((message) => message.threadId === threadId)
      .sort(oldestFirst)
      .map((message) => view(email, message))
  const first = (problem?: string) =>
    accountsPage(
      reader.vendor(),
      accounts().map((account) => ({ account, mails: reader.messages(account.email).length })),
      problem,
    )

  const compose = async (request: SimRequest, dispatch: Dispatch): Promise<SimResponse> => {
    const form = await formOf(request)
    const values = {
      to: value(form, 'to'),
      from: value(form, 'from'),
      subject: value(form, 'subject'),
      text: value(form, 'text'),
    }
    const threadId = value(form, 'thread')
    const again = (problem: string) => composePage(accounts(), { ...values, thread: threadId, problem })
    if (!/[^\s@<>]+@[^\s@<>]+/.test(values.from)) return again('Enter the address the mail comes from.')
    if (values.text === '') return again('Enter a text.')
    const file = form.get('file')
    const attachment =
      file instanceof File && file.size > 0
        ? { name: file.name, type: file.type, bytes: Buffer.from(await file.arrayBuffer()) }
        : undefined
    const references = threadOf(values.to, threadId).flatMap(({ messageId }) => messageId ?? [])
    const raw = composeMail({ ...values, date: world.clock(), references, attachment })
    const sent = await post(dispatch, request, 'deliver', { to: values.to, raw: raw.toString('base64') })
    if (sent.problem) return again(sent.problem)
    const { threadId: thread, conversationId } = sent.answer
    const account = accountOf({ account: values.to })
    return seeOther(account ? threadPath(account, String(thread ?? conversationId)) : '/')
  }

  const reply = async (request: SimRequest, dispatch: Dispatch): Promise<SimResponse> => {
    const account = accountOf(request.params)
    const messages = account ? threadOf(account.email, request.params.thread ?? '') : []
    const last = messages.at(-1)
    if (!account || !last) return missing()
    const form = await formOf(request)
    const sent = await post(dispatch, request, 'send-as-user', {
      account: account.email,
      to: value(form, 'to'),
      subject: value(form, 'subject'),
      text: value(form, 'text'),
      inReplyTo: last.id,
    })
    return sent.problem
      ? threadPage(reader.vendor(), account, messages, sent.problem)
      : seeOther(threadPath(account, last.threadId))
  }

  return [
    {
      method: 'GET',
      path: '/',
      handle: () => first(),
    },
    {
      method: 'POST',
      path: '/mail',
      async handle(request, dispatch) {
        const form = await formOf(request)
        const made = await post(dispatch, request, 'accounts', {
          email: value(form, 'email'),
          ...(value(form, 'name') ? { name: value(form, 'name') } : {}),
        })
        return made.problem ? first(made.problem) : seeOther('/')
      },
    },
    {
      method: 'GET',
      path: '/mail/compose',
      handle({ url }) {
        const to = url.searchParams.get('to') ?? accounts()[0]?.email ?? ''
        const thread = url.searchParams.get('thread') ?? ''
        const views = threadOf(to, thread)
        const outside = views.findLast((view) => !view.sent)
        return composePage(accounts(), {
          to,
          thread,
          from: outside?.from ?? '',
          subject: views[0] ? `Re: ${views[0].subject.replace(/^(re:\s*)+/i, '')}` : '',
          text: '',
        })
      },
    },
    { method: 'POST', path: '/mail/compose', handle: compose },
    {
      method: 'GET',
      path: '/mail/:account',
      handle({ params }) {
        const account = accountOf(params)
        if (!account) return missing()
        const threads = Map.groupBy(reader.messages(account.email).sort(oldestFirst), ({ threadId }) => threadId)
        const latest = (messages: Stub[]) => messages.at(-1)?.date ?? 0
        const shown = [...threads.values()].sort((one, other) => latest(other) - latest(one))
        const read = shown.slice(0, MAX_THREADS).map((thread) => thread.map((message) => view(account.email, message)))
        return mailboxPage(account, read, shown.length)
      },
    },
    {
      method: 'GET',
      path: '/mail/:account/:thread',
      handle({ params }) {
        const account = accountOf(params)
        const messages = account ? threadOf(account.email, params.thread ?? '') : []
        return account && messages.length > 0 ? threadPage(reader.vendor(), account, messages) : missing()
      },
    },
    { method: 'POST', path: '/mail/:account/:thread', handle: reply },
  ]
}

const MAX_THREADS = 100

/** A form as browsers send it, urlencoded or multipart. */
function formOf({ headers, body }: SimRequest): Promise<FormData> {
  return new Response(new Uint8Array(body), {
    headers: { 'content-type': headers['content-type'] ?? '' },
  }).formData() as Promise<FormData>
}

function value(form: FormData, name: string): string {
  const entry = form.get(name)
  return typeof entry === 'string' ? entry.trim() : ''
}

/** Uses a control route as a test would; its refusal comes back in words. */
async function post(
  dispatch: Dispatch,
  request: SimRequest,
  name: string,
  input: object,
): Promise<{ problem: string | null; answer: Record<string, unknown> }> {
  const url = new URL(`/__control/${name}`, request.url)
  const response = await dispatch({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(input)),
  })
  const answer = (response.body ?? {}) as Record<string, unknown>
  return { problem: response.status < 300 ? null : String(answer.error ?? response.status), answer }
}

const seeOther = (location: string): SimResponse => ({ status: 303, headers: { location }, body: '' })
const missing = (): SimResponse => ({ status: 404, body: 'There is no such account or conversation here.' })
