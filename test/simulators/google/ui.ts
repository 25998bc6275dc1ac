// The pages for people: accounts, mail from outside into an account, and each account's mailbox as its owner sees it in Gmail.
// Pages act through the same control routes that tests use.
import type { Dispatch, Route, SimRequest, SimResponse } from '../shell/http.ts'
import { field, messageIds } from '../shell/mime.ts'
import { composeMail } from '../shell/ui-mail.ts'
import type { Store, StoredMessage } from './store.ts'
import { accountsPage, composePage, mailboxPage, threadPage, viewOf } from './ui-pages.ts'
import type { Account, World } from './world.ts'

export function uiRoutes(world: World, store: Store): Route[] {
  const accounts = () => [...world.accounts.values()]
  const accountOf = (params: Record<string, string>): Account | null => world.accounts.get(params.account ?? '') ?? null
  /** Messages of a thread, oldest first. */
  const threadOf = (email: string, threadId: string): StoredMessage[] =>
    store
      .inThread(store.mailbox(email), threadId)
      .sort((one, other) => one.internalDate - other.internalDate || (one.id < other.id ? -1 : 1))

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
    const references = threadOf(values.to, threadId).flatMap((message) =>
      messageIds(field(store.headOf(message).fields, 'message-id')),
    )
    const raw = composeMail({ ...values, date: world.clock(), references, attachment })
    const sent = await post(dispatch, request, 'deliver', { to: values.to, raw: raw.toString('base64') })
    if (sent.problem) return again(sent.problem)
    return seeOther(`/mail/${encodeURIComponent(values.to)}/${sent.answer.threadId}`)
  }

  const reply = async (request: SimRequest, dispatch: Dispatch): Promise<SimResponse> => {
    const account = accountOf(request.params)
    const messages = account ? threadOf(account.email, request.params.thread ?? '') : []
    const last = messages.at(-1)
    if (!account || !last) return missing()
    const form = await formOf(request)
    const threadId = last.threadId
    const sent = await post(dispatch, request, 'send-as-user', {
      account: account.email,
      to: value(form, 'to'),
      subject: value(form, 'subject'),
      text: value(form, 'text'),
      threadId,
      inReplyTo: last.id,
    })
    if (sent.problem)
      return threadPage(
        account,
        messages.map((message) => viewOf(store, message)),
        sent.problem,
      )
    return seeOther(`/mail/${encodeURIComponent(account.email)}/${threadId}`)
  }

  return [
    {
      method: 'GET',
      path: '/',
      handle: () => accountsPage(accounts().map((account) => ({ account, mails: count(store, account) }))),
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
        if (!made.problem) return seeOther('/')
        return accountsPage(
          accounts().map((account) => ({ account, mails: count(store, account) })),
          made.problem,
        )
      },
    },
    {
      method: 'GET',
      path: '/mail/compose',
      handle({ url }) {
        const to = url.searchParams.get('to') ?? accounts()[0]?.email ?? ''
        const thread = url.searchParams.get('thread') ?? ''
        const views = threadOf(to, thread).map((message) => viewOf(store, message))
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
        const threads = new Map<string, StoredMessage[]>()
        for (const message of Object.values(store.mailbox(account.email).messages)) {
          threads.set(message.threadId, [...(threads.get(message.threadId) ?? []), message])
        }
        const latest = (messages: StoredMessage[]) => Math.max(...messages.map((message) => message.internalDate))
        const shown = [...threads.keys()]
          .map((threadId) => threadOf(account.email, threadId))
          .sort((one, other) => latest(other) - latest(one))
        return mailboxPage(
          account,
          shown.slice(0, MAX_THREADS).map((messages) => messages.map((message) => viewOf(store, message))),
          shown.length,
        )
      },
    },
    {
      method: 'GET',
      path: '/mail/:account/:thread',
      handle({ params }) {
        const account = accountOf(params)
        const messages = account ? threadOf(account.email, params.thread ?? '') : []
        if (!account || messages.length === 0) return missing()
        return threadPage(
          account,
          messages.map((message) => viewOf(store, message)),
        )
      },
    },
    { method: 'POST', path: '/mail/:account/:thread', handle: reply },
  ]
}

const MAX_THREADS = 100

function count(store: Store, account: Account): number {
  return Object.keys(store.mailbox(account.email).messages).length
}

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
