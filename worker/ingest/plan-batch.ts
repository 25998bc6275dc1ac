// Plans a whole batch: mail by mail, oldest first, each seeing what the ones before it will have done. Pure; works on a copy of the facts.
import type { Address } from '../mail/types'
import { addParticipant, append, type Facts, originalKey } from './facts'
import {
  addressees,
  lookupIds,
  type MailItem,
  messageIdOf,
  providerThreadKey,
  referencedIds,
  senderOf,
  ticketIdOf,
  usableId,
} from './mail-item'
import { authorOf, contactOf, ownMessage, type Plan, planMail } from './plan'

export type Planned = {
  item: MailItem
  plan: Plan
  /** when the message came, ms: sane and never in the future */
  receivedAt: number
  /** whose mail it is, for mail of ours whom it went to: lower-case address or '' */
  contact: Address
  author: Address
  /** the ticket that the mail ends in, null for mail that ends in none */
  ticketId: string | null
  /** ledger row of this batch without whose success this plan is void */
  dependsOn: string | null
  /** for new tickets: ids looked up, and how many thread_refs rows they had */
  lookups: string[]
  refsSeen: number
  /** thread_refs rows to add */
  refs: { id: string; kind: 'own' | 'ref' | 'provider_thread' }[]
}

/** Decides about every mail of one batch and inbox. */
export function planBatch(items: MailItem[], known: Facts, inboxId: string, now: number): Planned[] {
  const facts = copyOf(known)
  const timed = items.map((item) => ({ item, receivedAt: messageTime(item, now) }))
  timed.sort((a, b) => a.receivedAt - b.receivedAt || (a.item.ledgerId < b.item.ledgerId ? -1 : 1))
  return timed.map(({ item, receivedAt }) => {
    const plan = planMail(item, facts, inboxId)
    const planned = outcomeOf(item, plan, facts, inboxId, receivedAt)
    if (plan.kind === 'new_ticket' || plan.kind === 'reply') remember(facts, planned, inboxId)
    return planned
  })
}

const DAY = 86_400_000
/** How far the provider's clock may be behind ours, ms. */
const CLOCK_SKEW = 60_000
const YEAR_1990 = Date.UTC(1990, 0, 1)

/** The provider's receipt time where it is sane, else the Date header, else now; never in the future. */
export function messageTime(item: MailItem, now: number): number {
  for (const time of [item.receivedAt, item.mail.date]) {
    if (time !== null && time >= YEAR_1990 && time <= now + DAY) return Math.min(time, now)
  }
  return now
}

/**
 * Whether a mail in Sent may be our own, not yet to be recognised: providers give mail another Message-ID, and announce it before we have heard how
 * its sending ended. Only what was being sent at its time counts, so that a busy inbox keeps nobody waiting.
 */
export function mustWait(item: MailItem, facts: Facts, now: number): boolean {
  if (item.role !== 'sent' || item.released || facts.oldestSending === null) return false
  return facts.oldestSending <= messageTime(item, now) + CLOCK_SKEW && ownMessage(item, facts) === null
}

function outcomeOf(item: MailItem, plan: Plan, facts: Facts, inboxId: string, receivedAt: number): Planned {
  const outcome: Planned = {
    item,
    plan,
    receivedAt,
    contact: contactOf(item, facts),
    author: authorOf(item, facts),
    ticketId: null,
    dependsOn: null,
    lookups: [],
    refsSeen: 0,
    refs: [],
  }
  switch (plan.kind) {
    case 'new_ticket':
      outcome.ticketId = ticketIdOf(item.ledgerId)
      outcome.lookups = lookupIds(item, inboxId)
      outcome.refsSeen = outcome.lookups.reduce((sum, id) => sum + (facts.refCounts.get(id) ?? 0), 0)
      break
    case 'reply':
      outcome.ticketId = plan.ticket.id
      outcome.dependsOn = plan.ticket.createdBy
      break
    case 'duplicate':
      outcome.ticketId = plan.ticketId
      outcome.dependsOn = plan.inBatch ? plan.of : null
      return outcome
    case 'suppressed':
      if (plan.copyOf !== null) outcome.refs = knownAs(item, inboxId)
      return outcome
  }
  outcome.refs = newRefs(item, outcome.ticketId, facts, inboxId)
  return outcome
}

/** What the mail adds to the ids its ticket is known by; a long thread repeats its whole chain in every mail. */
function newRefs(item: MailItem, ticketId: string, facts: Facts, inboxId: string): Planned['refs'] {
  const { inReplyTo, references } = referencedIds(item)
  const kindsOf = (id: string) =>
    (facts.refs.get(id) ?? []).filter((ref) => ref.ticketId === ticketId).map((ref) => ref.kind)
  const refs: Planned['refs'] = [...new Set([...inReplyTo, ...references])]
    .filter((id) => !kindsOf(id).some((kind) => kind !== 'provider_thread'))
    .map((id) => ({ id, kind: 'ref' }))
  const own = usableId(item)
  if (own !== null && !kindsOf(own).includes('own')) refs.push({ id: own, kind: 'own' })
  const thread = providerThreadKey(item, inboxId)
  if (thread !== null && !kindsOf(thread).includes('provider_thread'))
    refs.push({ id: thread, kind: 'provider_thread' })
  return refs
}

/** What the provider made of a mail of ours: the Message-ID it went out with, and its conversation. */
function knownAs(item: MailItem, inboxId: string): Planned['refs'] {
  const thread = providerThreadKey(item, inboxId)
  const refs: Planned['refs'] = thread === null ? [] : [{ id: thread, kind: 'provider_thread' }]
  const own = usableId(item)
  if (own !== null) refs.push({ id: own, kind: 'own' })
  return refs
}

/** Makes later mails of the batch see this one. */
function remember(facts: Facts, planned: Planned, inboxId: string): void {
  const { item, plan, ticketId, receivedAt } = planned
  if (ticketId === null) return
  const ticket = facts.tickets.get(ticketId)
  facts.tickets.set(ticketId, {
    id: ticketId,
    number: ticket?.number ?? null,
    status:
      !ticket || (plan.kind === 'reply' && plan.reopen && ticket.status !== 'in_progress') ? 'open' : ticket.status,
    inboxId: ticket?.inboxId ?? inboxId,
    mergedIntoId: null,
    lastMessageAt: Math.max(ticket?.lastMessageAt ?? 0, receivedAt),
    createdBy: ticket ? ticket.createdBy : item.ledgerId,
  })
  for (const { id, kind } of planned.refs) append(facts.refs, id, { ticketId, kind })
  const sender = senderOf(item)
  if (sender !== '') addParticipant(facts, ticketId, sender, 'wrote')
  for (const email of addressees(item)) addParticipant(facts, ticketId, email, 'addressed')
  facts.originals.set(originalKey(item), { ledgerId: item.ledgerId, ticketId, inBatch: true })
  if (item.role === 'sent' && item.mail.messageId !== null)
    facts.sent.set(item.mail.messageId, { messageRowId: messageIdOf(item.ledgerId), ticketId, fromEmail: sender })
}

function copyOf(facts: Facts): Facts {
  return {
    ...facts,
    tickets: new Map(facts.tickets),
    refs: new Map([...facts.refs].map(([id, refs]) => [id, [...refs]])),
    participants: new Map([...facts.participants].map(([id, people]) => [id, new Map(people)])),
    originals: new Map(facts.originals),
    sent: new Map(facts.sent),
  }
}
