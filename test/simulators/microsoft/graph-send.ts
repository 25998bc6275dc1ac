// Sending: what Exchange makes of a mail on its way out, its copy in Sent Items, and its arrival in other simulated mailboxes.
import { randomBytes } from 'node:crypto'
import type { SimResponse } from '../shell/http.ts'
import { addresses, type Field, field, readHead, withHead } from '../shell/mime.ts'
import type { Graph } from './graph-access.ts'
import { endedLine, exchangeMessageId, line, rfc2822, withFields } from './graph-compose.ts'
import { badRequest, graphError } from './graph-error.ts'
import type { StoredMessage } from './store.ts'
import type { Account, World } from './world.ts'

type Outgoing = {
  /** the mailbox it is sent from */
  email: string
  /** who sends it; absent: its owner, or an app */
  by?: string | undefined
  raw: Buffer
  conversationId?: string
  /** false: no copy is kept */
  save?: boolean
}

/** Everybody a mail is addressed to, each once. */
function recipientsOf(raw: Buffer): string[] {
  const { fields } = readHead(raw)
  const named = fields.filter(({ name }) => /^(to|cc|bcc)$/i.test(name))
  return [...new Set(named.flatMap(({ value }) => addresses(value)))]
}

/** Why a mail may not go out, in Exchange's words; null where it may. `user` is null for an app. */
export function sendRefusal({ world }: Graph, email: string, user: string | null, raw: Buffer): SimResponse | null {
  const [from = email] = addresses(field(readHead(raw).fields, 'from'))
  const account = world.accountNamed(from)
  const allowed =
    account !== null &&
    (account.email === email
      ? user === null || user === email || account.sendAs.includes(user)
      : user !== null && account.sendAs.includes(user))
  if (!allowed) {
    return graphError(
      403,
      'ErrorSendAsDenied',
      'The user account which was used to submit this request does not have the right to send mail on behalf of the specified sending account., Cannot submit message.',
    )
  }
  if (recipientsOf(raw).length > 0) return null
  return badRequest(
    'ErrorInvalidRecipients',
    'At least one recipient is not valid., At least one recipient must be specified.',
  )
}

/** What comes as MIME loses what Exchange does not keep: Message-ID, threading headers and X- headers, in the mode that strips them. */
export function submitted({ settings }: Graph, raw: Buffer): Buffer {
  if (settings.headers === 'keep') return raw
  return withHead(raw, (fields: Field[]) => [
    ...fields
      .filter(({ name }) => !/^(message-id|in-reply-to|references|x-.*)$/i.test(name))
      .map(({ raw: bytes }) => endedLine(bytes)),
    line('Message-ID', exchangeMessageId()),
  ])
}

/** The mail as it goes out: From, Date and Message-ID are there. */
export function outgoing({ world }: Graph, email: string, raw: Buffer): Buffer {
  const { fields } = readHead(raw)
  const account = world.accounts.get(email)
  return withFields(raw, {
    ...(field(fields, 'from') === null && { From: account ? `${account.name} <${email}>` : email }),
    ...(field(fields, 'date') === null && { Date: rfc2822(world.clock()) }),
    ...(field(fields, 'message-id') === null && { 'Message-ID': exchangeMessageId() }),
  })
}

/** Sends what may be sent: the copy in Sent Items, which comes later where a delay is set. */
export function sendMail(graph: Graph, { email, by, raw, conversationId, save = true }: Outgoing): StoredMessage {
  const { store, settings } = graph
  const out = outgoing(graph, email, raw)
  const [keeper = email, ...others] = keepersOf(graph, email, by)
  const folder = !save ? 'deleteditems' : settings.sentDelay > 0 ? 'outbox' : 'sentitems'
  const copy = store.add(keeper, { raw: out, folder, conversationId, isRead: true })
  deliver(graph, email, copy)
  if (!save) store.remove(keeper, copy)
  else if (settings.sentDelay > 0) fileLater(graph, keeper, copy)
  if (save) for (const other of others) store.add(other, { raw: out, folder: 'sentitems', isRead: true })
  return copy
}

/** The mailboxes that keep a copy. */
function keepersOf({ settings }: Graph, email: string, by: string | undefined): string[] {
  if (by === undefined || by === email || settings.copies === 'mailbox') return [email]
  return settings.copies === 'sender' ? [by] : [email, by]
}

/** Sends a draft: it leaves Drafts with its immutable id, unless its copy goes elsewhere. */
export function sendDraft(
  graph: Graph,
  { email, by, draft }: { email: string; by?: string | undefined; draft: StoredMessage },
): void {
  const { store, settings } = graph
  store.rewrite(email, draft, outgoing(graph, email, store.rawOf(draft)))
  const box = store.mailbox(email)
  const folder = store.folderOf(box, settings.sentDelay > 0 ? 'outbox' : 'sentitems')
  draft.sentAt = draft.receivedAt = graph.world.clock()
  if (folder) store.move(email, draft, folder, { isDraft: false, isRead: true })
  deliver(graph, email, draft)
  if (settings.sentDelay > 0) fileLater(graph, email, draft)
  const keepers = keepersOf(graph, email, by)
  for (const other of keepers.filter((keeper) => keeper !== email))
    store.add(other, { raw: store.rawOf(draft), folder: 'sentitems', isRead: true })
  if (!keepers.includes(email)) store.remove(email, draft)
}

function fileLater({ store, settings }: Graph, email: string, message: StoredMessage): void {
  const sent = store.folderOf(store.mailbox(email), 'sentitems')
  if (sent) setTimeout(() => store.move(email, message, sent), settings.sentDelay).unref()
}

/** Records what went out and puts it into the mailboxes of this world. */
function deliver({ store, world }: Graph, email: string, copy: StoredMessage): void {
  const raw = store.rawOf(copy)
  const recipients = recipientsOf(raw)
  const [from = email] = addresses(field(readHead(raw).fields, 'from'))
  const { blob, messageId } = copy
  store.mailbox(email).sent.push({ at: world.clock(), from, recipients, messageId, blob })
  const arriving = withFields(raw, { Bcc: null })
  const mailboxes = new Set(recipients.flatMap((recipient) => accountFor(world, recipient)?.email ?? []))
  for (const recipient of mailboxes) {
    store.add(recipient, { raw: received(arriving, from, recipient, world.clock()), folder: 'inbox' })
  }
}

/** The account that mail to an address reaches; what follows a plus is ignored. */
export function accountFor(world: World, address: string): Account | null {
  return world.accountNamed(address) ?? world.accountNamed(address.replace(/\+[^@]*@/, '@'))
}

/** What a receiving server puts on top. */
function received(raw: Buffer, from: string, to: string, now: number): Buffer {
  const id = randomBytes(6).toString('hex')
  return Buffer.concat([
    line(
      'Received',
      `from AM0PR01MB0001.eurprd01.prod.exchangelabs.example with HTTPS id ${id} for ${to}; ${rfc2822(now)}`,
    ),
    line('Return-Path', from),
    raw,
  ])
}
