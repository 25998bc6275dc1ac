// What an InboxObject remembers of its inbox, and how that changes. Pure; no clock, no storage.
import type { Cursor } from '../providers/provider'
import { type Agenda, advance, plan } from './agenda'
import { HEALTHY, type Health, type Verdict } from './policy'

export type Owner = { tenantId: string; inboxId: string }
/** Times are ms since the epoch. */
export type InboxState = {
  owner: Owner | null
  /** whether it checks at all: not while paused or disconnected */
  active: boolean
  /** raised by every outside change; what began under an older one is void */
  generation: number
  /** how many different mailboxes this inbox has had */
  mailbox: number
  cursor: Cursor | null
  /** when this mailbox was connected first */
  startedAt: number
  lastSuccessAt: number | null
  health: Health
  agenda: Agenda
  /** a server that asked us to slow down is not asked again before this, whoever pokes */
  notBefore: number
}

export const UNCONFIGURED: InboxState = {
  owner: null,
  active: false,
  generation: 0,
  mailbox: 1,
  cursor: null,
  startedAt: 0,
  lastSuccessAt: null,
  health: HEALTHY,
  agenda: {},
  notBefore: 0,
}

const DAY = 86_400_000
/** How far a listing that starts anew reaches back behind the last success: mail may carry older dates than its arrival. */
const MARGIN = 7 * DAY

/** Connected (again): checks at once, keeps its place in the same mailbox, starts anew in another one. */
export function started(state: InboxState, owner: Owner, newMailbox: boolean, now: number): InboxState {
  const first = state.owner === null
  const anew = first || newMailbox
  return {
    ...state,
    owner,
    active: true,
    generation: state.generation + 1,
    health: HEALTHY,
    notBefore: 0,
    agenda: plan(state.agenda, 'sync', now),
    mailbox: anew && !first ? state.mailbox + 1 : state.mailbox,
    cursor: anew ? null : state.cursor,
    startedAt: anew ? now : state.startedAt,
    lastSuccessAt: anew ? null : state.lastSuccessAt,
  }
}

/** Paused or disconnected. The cursor stays, so that the whole gap is fetched later. */
export function stopped(state: InboxState): InboxState {
  return { ...state, active: false, generation: state.generation + 1, agenda: {} }
}

/** A wake-up: the next check is now, unless the server asked for patience. */
export function poked(state: InboxState, now: number): InboxState {
  return state.active ? { ...state, agenda: advance(state.agenda, 'sync', Math.max(now, state.notBefore)) } : state
}

/** A check begins. The agenda names the next one already, so that a crash in between loses no beat; a poke meanwhile is earlier. */
export function begun(state: InboxState, fallback: number): InboxState {
  return { ...state, agenda: plan(state.agenda, 'sync', fallback) }
}

/**
 * A check has ended with a verdict. `fallback` is what `begun` had planned: an earlier time is a poke that came during the check,
 * and is kept where the check succeeded. `more`: the check ran out of time before it ran out of messages.
 */
export function ended(
  state: InboxState,
  verdict: Verdict,
  times: { now: number; fallback: number; more: boolean },
): InboxState {
  const { now } = times
  const regular = times.more ? now : now + verdict.delay
  const planned = state.agenda.sync ?? regular
  const due = verdict.reached && planned < times.fallback ? Math.min(planned, regular) : regular
  return {
    ...state,
    active: !verdict.pause,
    health: verdict.health,
    lastSuccessAt: verdict.reached ? now : state.lastSuccessAt,
    notBefore: verdict.rateLimited ? due : 0,
    agenda: verdict.pause ? {} : plan(state.agenda, 'sync', due),
  }
}

/** A fetch job was asked to slow down: checks and further fetch jobs of this mailbox wait as well. */
export function throttled(state: InboxState, until: number): InboxState {
  if (!state.active) return state
  const sync = Math.max(state.agenda.sync ?? until, until)
  return { ...state, notBefore: Math.max(state.notBefore, until), agenda: plan(state.agenda, 'sync', sync) }
}

/**
 * The oldest mail a listing without cursor wants, ms: at the first connect the last `importDays` days (0: only what arrives from now on),
 * later, when the cursor was lost, whatever came since the last success. What was seen before is recognised by the ledger and by ingest.
 */
export function sinceOf(state: InboxState, importDays: number): number {
  if (state.lastSuccessAt !== null) return state.lastSuccessAt - MARGIN
  return importDays === 0 ? Number.POSITIVE_INFINITY : state.startedAt - importDays * DAY
}
