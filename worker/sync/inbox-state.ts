// What an InboxObject remembers of its inbox, and how that changes. Pure; no clock, no storage.
import type { StatusDetail } from '../contract/inboxes'
import type { Cursor } from '../providers/provider'
import { type Agenda, advance, drop, plan } from './agenda'
import { HEALTHY, type Health, type Verdict } from './policy'
import { NO_PUSH, type PushState, recognisable, removed, renewalDelay, unproven } from './push-state'

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
  /** when it was read to its end last */
  lastSuccessAt: number | null
  health: Health
  agenda: Agenda
  /** a server that asked us to slow down is not asked again before this, whoever pokes */
  notBefore: number
  /** what that looks like to people */
  throttle: StatusDetail | null
  push: PushState
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
  throttle: null,
  push: NO_PUSH,
}

/** A stored state. One that an older version wrote lacks what is new. */
export function inboxStateOf(stored: Partial<InboxState> | undefined): InboxState {
  return {
    ...UNCONFIGURED,
    ...stored,
    push: { ...NO_PUSH, ...stored?.push },
    health: { ...HEALTHY, ...stored?.health },
  }
}

const DAY = 86_400_000
/** How far a listing that starts anew reaches back behind the last success: mail may carry older dates than its arrival. */
const MARGIN = 7 * DAY
/** A mail that arrives after the connect may have been accepted this long before, ms. */
const IN_TRANSIT = 10 * 60_000

/** Connected (again): checks at once, has push to prove anew, keeps its place in the same mailbox, starts anew in another one. */
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
    throttle: null,
    push: unproven(state.push, anew),
    agenda: { sync: now },
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

/** A check has opened the mailbox and seen whether its provider announces mail: asks for that where nothing stands. */
export function pushOffered(state: InboxState, offered: boolean, now: number): InboxState {
  if (!state.active) return state
  if (!offered) {
    const push = { ...unproven(state.push, false), readAt: state.push.readAt }
    return { ...state, push, agenda: drop(state.agenda, 'renew') }
  }
  if (state.push.subscribedAt !== null || state.agenda.renew !== undefined) return state
  return { ...state, agenda: plan(state.agenda, 'renew', Math.max(now, state.notBefore)) }
}

/** The sweeper sees no standing order for push, or one that is running out: asks for it now, unless that is being tried again already. */
export function lapsing(state: InboxState, now: number): InboxState {
  if (!state.active || (state.push.failures > 0 && state.agenda.renew !== undefined)) return state
  // One that is never good for long is renewed in time, not each time somebody looks.
  const { expiresAt } = state.push
  const short = expiresAt !== null && expiresAt > now && expiresAt - now < DAY
  if (short && state.agenda.renew !== undefined && state.agenda.renew < expiresAt) return state
  return renewalWanted(state, now)
}

/** The provider wants its standing order renewed now, or (`ended`) has ended it. Where it asked for patience, that comes first. */
export function renewalWanted(state: InboxState, now: number, ended = false): InboxState {
  if (!state.active) return state
  const push = ended ? removed(state.push) : state.push
  const due = Math.max(now, state.notBefore, push.retryAt ?? 0)
  return { ...state, push, agenda: advance(state.agenda, 'renew', due) }
}

/** A renewal begins. The agenda names the next try already, in case this one dies. */
export function renewalBegun(state: InboxState, fallback: number): InboxState {
  return { ...state, agenda: plan(state.agenda, 'renew', fallback) }
}

/**
 * A renewal has ended. `fallback` is what `renewalBegun` had planned: an earlier time is somebody who wanted another one meanwhile, and is
 * kept where this one succeeded.
 */
export function renewalEnded(
  state: InboxState,
  { now, fallback, random }: { now: number; fallback: number; random: number },
): InboxState {
  const regular = now + renewalDelay(state.push, now, random)
  const planned = state.agenda.renew ?? regular
  const due = state.push.failures === 0 && planned < fallback ? Math.min(planned, regular) : regular
  return { ...state, agenda: plan(state.agenda, 'renew', due) }
}

/** The row shows a standing order that was renewed: announcements are recognised from now on, and what came before was missed. */
export function renewalShown(state: InboxState, now: number): InboxState {
  const push = recognisable(state.push, now)
  return push === state.push ? state : poked({ ...state, push }, now)
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
    // What is not read yet may be older than any margin.
    lastSuccessAt: verdict.reached && !times.more ? now : state.lastSuccessAt,
    // A fetch job may have been asked for patience while the check went well.
    notBefore: verdict.rateLimited ? Math.max(due, state.notBefore) : state.notBefore,
    throttle: verdict.rateLimited ? verdict.detail : state.throttle,
    agenda: verdict.pause ? {} : plan(state.agenda, 'sync', due),
  }
}

/** A fetch job was asked to slow down: checks and further fetch jobs of this mailbox wait as well. */
export function throttled(state: InboxState, until: number, throttle: StatusDetail): InboxState {
  if (!state.active || until <= state.notBefore) return state
  const sync = Math.max(state.agenda.sync ?? until, until)
  return { ...state, notBefore: until, throttle, agenda: { ...state.agenda, sync, fetch: until } }
}

/** What people are told of a throttle that has not ended yet. */
export function throttleAt(state: InboxState, now: number): StatusDetail | null {
  return now < state.notBefore ? state.throttle : null
}

/** Rows wait for quota until `at`: a fetch job is sent then. */
export function fetchPlanned(state: InboxState, at: number): InboxState {
  return state.active ? { ...state, agenda: advance(state.agenda, 'fetch', at) } : state
}

/** The waiting fetch job has been sent. */
export function fetchSent(state: InboxState): InboxState {
  return { ...state, agenda: drop(state.agenda, 'fetch') }
}

/**
 * The oldest mail a listing without cursor wants, ms: at the first connect the last `importDays` days (0: only what arrives from now on),
 * later, when the cursor was lost, whatever came since the last success. What was seen before is recognised by the ledger and by ingest.
 */
export function sinceOf(state: InboxState, importDays: number): number {
  // Never behind what the first listing wanted: mail that nobody asked to import would become tickets.
  const wanted = state.startedAt - importDays * DAY
  if (state.lastSuccessAt !== null) return Math.max(state.lastSuccessAt - MARGIN, wanted - IN_TRANSIT)
  if (importDays > 0) return wanted
  // What came since the connect is new, also where the first look comes late.
  const late = state.cursor !== null || state.health.failures > 0
  return late ? wanted - IN_TRANSIT : Number.POSITIVE_INFINITY
}
