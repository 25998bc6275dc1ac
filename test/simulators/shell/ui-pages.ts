// HTML of the pages for people. What a message shows is read from its raw bytes each time.
import type { SimResponse } from './http.ts'
import { addresses, decodeWords, field, messageIds, readHead } from './mime.ts'
import { content, leaves, readableText, tree } from './mime-tree.ts'
import { avatar, type Html, html, page } from './pages.ts'
import type { Account } from './world.ts'

/** What a store knows of a message; `date` in ms. */
export type Stub = {
  id: string
  threadId: string
  date: number
  labels: string[]
  /** written by the mailbox's owner */
  sent: boolean
}

/** A message as a page shows it. `from` and `to` as the header has them, words decoded. */
export type MessageView = Stub & {
  messageId: string | null
  from: string
  to: string
  subject: string
  text: string
  files: { name: string; size: number }[]
}

/** A vendor's words, and what only its first page shows. */
export type Vendor = {
  /** "Google" */
  name: string
  /** what people read their mail in: "Gmail" */
  client: string
  /** what stands below the accounts */
  more?: Html
}

/** Reads a mail for the pages. */
export function viewOf(raw: Buffer, known: Stub): MessageView {
  const { fields } = readHead(raw)
  const words = (name: string) => decodeWords(field(fields, name) ?? '')
  return {
    ...known,
    messageId: messageIds(field(fields, 'message-id'))[0] ?? null,
    from: words('from'),
    to: words('to'),
    subject: words('subject') || '(no subject)',
    text: readableText(raw).trim(),
    files: leaves(tree(raw))
      .filter(({ filename }) => filename !== '')
      .map((part) => ({ name: part.filename, size: content(raw, part).length })),
  }
}

/** All accounts, and a form for another. */
export function accountsPage(
  vendor: Vendor,
  entries: readonly { account: Account; mails: number }[],
  problem?: string,
): SimResponse {
  const body = html`<h1>Simulated ${vendor.name}</h1>
<p class="dim">Accounts to connect, and to write to and from. Sign-in needs no password.</p>
<p class="actions"><a class="button" href="/mail/compose">Send a mail in</a></p>
<section class="card">
<h2>Accounts</h2>
<ul class="rows">
${entries.map(
  ({ account, mails }) => html`<li><a class="row" href="${mailboxPath(account)}">${avatar(account.name)}
<span class="grow"><span>${account.name}</span><span class="dim small">${account.email}</span></span>
<span class="dim small">${counted(mails, 'mail')}</span></a></li>`,
)}
</ul>
</section>
<section class="card">
<h2>Add an account</h2>
${problem && html`<p class="warn" role="alert">${problem}</p>`}
<form method="post" action="/mail">
<div class="two">
<label>Email <input name="email" type="email" required autocomplete="off"></label>
<label>Name (optional) <input name="name" autocomplete="off"></label>
</div>
<button class="button">Add account</button>
</form>
</section>
${vendor.more}`
  return page(`Simulated ${vendor.name}`, body, { status: problem ? 400 : 200 })
}

/** The form for a mail from outside; with `thread` the next mail of that conversation. */
export function composePage(
  accounts: readonly Account[],
  values: { to: string; from: string; subject: string; text: string; thread: string; problem?: string },
): SimResponse {
  const body = html`<p class="crumb"><a href="/">Accounts</a></p>
<h1>Send a mail in</h1>
<p class="dim">${values.thread ? 'The next mail of this conversation, from the other side.' : 'As anybody outside, to one of the accounts.'}</p>
<form class="card" method="post" action="/mail/compose" enctype="multipart/form-data">
${values.problem && html`<p class="warn" role="alert">${values.problem}</p>`}
<input type="hidden" name="thread" value="${values.thread}">
<div class="two">
<label>From <input name="from" required value="${values.from}" placeholder="Ann Smith &lt;ann@customer.example&gt;"></label>
<label>To <select name="to">${accounts.map(
    (account) =>
      html`<option value="${account.email}"${account.email === values.to && html` selected`}>${account.email}</option>`,
  )}</select></label>
</div>
<label>Subject <input name="subject" value="${values.subject}"></label>
<label>Text <textarea name="text" required>${values.text}</textarea></label>
<label>Attachment (optional) <input name="file" type="file"></label>
<button class="button">Send</button>
</form>`
  return page('Send a mail in', body, { status: values.problem ? 400 : 200 })
}

/** Conversations of an account, the latest first. */
export function mailboxPage(account: Account, threads: readonly MessageView[][], total: number): SimResponse {
  const row = (messages: MessageView[]) => {
    const last = messages.at(-1)
    const first = messages[0]
    if (!first || !last) return html``
    return html`<li><a class="row" href="${threadPath(account, last.threadId)}">${avatar(nameOf(first.from))}
<span class="grow"><span>${first.subject}</span>
<span class="dim small line">${nameOf(last.from)}: ${last.text.slice(0, 90).replace(/\s+/g, ' ')}</span></span>
<span class="side">${shortDate(last.date)}${messages.length > 1 && html`<span class="dim small">${messages.length} mails</span>`}</span></a></li>`
  }
  const body = html`<p class="crumb"><a href="/">Accounts</a></p>
<h1>${account.name}</h1>
<p class="dim">${account.email}</p>
<p class="actions"><a class="button" href="/mail/compose?to=${encodeURIComponent(account.email)}">Send a mail in</a></p>
<section class="card">
<h2>${counted(total, 'conversation')}</h2>
${total > threads.length && html`<p class="dim">The latest ${threads.length} are shown.</p>`}
${
  threads.length === 0
    ? html`<p class="dim">Nothing has arrived yet.</p>`
    : html`<ul class="rows">${threads.map(row)}</ul>`
}
</section>`
  return page(account.email, body)
}

/** One conversation, and a reply in the owner's name. */
export function threadPage(
  vendor: Vendor,
  account: Account,
  messages: readonly MessageView[],
  problem?: string,
): SimResponse {
  const first = messages[0]
  const other = messages.findLast((message) => !message.sent)
  const subject = first?.subject ?? ''
  const to = other ? addressOf(other.from) : addressOf(messages.at(-1)?.to ?? '')
  const next = new URLSearchParams({ to: account.email, thread: first?.threadId ?? '' }).toString()
  const body = html`<p class="crumb"><a href="/">Accounts</a> / <a href="${mailboxPath(account)}">${account.email}</a></p>
<h1>${subject}</h1>
<section class="card">
${messages.map(
  (message) => html`<article class="mail">
<div class="row">${avatar(nameOf(message.from))}<span class="grow"><span>${nameOf(message.from)}</span><span class="dim small">${addressOf(message.from)}</span><span class="dim small">to ${message.to}</span>${shortDate(message.date)}</span></div>
<p class="labels">${message.labels.map((label) => html`<span class="tag">${label}</span> `)}</p>
<pre>${message.text}</pre>
${message.files.map((file) => html`<p class="notice small">${file.name} <span class="dim">${sized(file.size)}</span></p>`)}
</article>`,
)}
</section>
<form class="card" method="post" action="${threadPath(account, first?.threadId ?? '')}">
<h2>Reply as ${account.name}, in ${vendor.client}</h2>
${problem && html`<p class="warn" role="alert">${problem}</p>`}
<div class="two">
<label>To <input name="to" required value="${to}"></label>
<label>Subject <input name="subject" value="Re: ${subject.replace(/^(re:\s*)+/i, '')}"></label>
</div>
<label>Text <textarea name="text" required></textarea></label>
<div class="actions">
<button class="button">Send reply</button>
<a href="/mail/compose?${next}">Write the other side's next mail</a>
</div>
</form>`
  return page(subject, body, { status: problem ? 400 : 200 })
}

/** Where a conversation is shown. */
export const threadPath = (account: Account, threadId: string) =>
  `${mailboxPath(account)}/${encodeURIComponent(threadId)}`
const mailboxPath = (account: Account) => `/mail/${encodeURIComponent(account.email)}`
const addressOf = (header: string) => addresses(header)[0] ?? header
const nameOf = (header: string) =>
  header
    .replace(/<[^<>]*>/, '')
    .replace(/"/g, '')
    .trim() || addressOf(header)
const counted = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`
const clockTime = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
})
const shortDate = (date: number) =>
  html`<time class="dim small" datetime="${new Date(date).toISOString()}">${clockTime.format(date)}</time>`
const sized = (bytes: number) => (bytes < 1024 ? `${bytes} B` : `${Math.round(bytes / 1024)} KB`)
