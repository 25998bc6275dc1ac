// InboxObject: one per inbox (idFromName(inboxId)), the only writer of that inbox's cursor. It keeps the time and the state;
// what a pass does is in pass.ts, what follows from it in policy.ts and inbox-state.ts.
import { DurableObject } from 'cloudflare:workers'
import { type Env, settingsOf } from '../env'
import { systemClock } from '../platform/clock'
import { type TenantDb, tenantDb } from '../platform/db'
import { newToken } from '../platform/ids'
import { type InboxRow, pushPaceSeconds } from '../platform/inbox-answer'
import { jobSender } from '../platform/jobs'
import { log } from '../platform/log'
import { ProviderError, type Quota } from '../providers/provider'
import { drop, dueTasks, nextAlarm } from './agenda'
import type { FetchOutcome, FetchSlots } from './fetch-job'
import { freeSlot, limitSlots, noSlots, takeSlot } from './fetch-slots'
import { grantIssuer } from './grant-issuer'
import {
  begun,
  ended,
  fetchPlanned,
  fetchSent,
  type InboxState,
  inboxStateOf,
  lapsing,
  type Owner,
  poked,
  pushOffered,
  renewalBegun,
  renewalEnded,
  renewalShown,
  renewalWanted,
  sinceOf,
  started,
  stopped,
  throttleAt,
  throttled,
} from './inbox-state'
import { mirrorPush, mirrorThrottle, mirrorVerdict } from './inbox-status'
import { type MailboxDeps, type MakeProvider, type OpenedMailbox, openMailbox, realProvider } from './mailbox'
import { runPass } from './pass'
import { afterFailure, afterFetch, afterSuccess, afterThrottle, type Failure, failureOf } from './policy'
import { endSubscription, renewPush } from './push-renewal'
import { afterCheck, announced, checkAgainAt, modeOf, type PushState, pushColumns } from './push-state'
import { quotaBook } from './quota-book'
import { type RequestGate, requestGate } from './request-gate'
import type { PermitAsk } from './request-permits'
import { singleFlight } from './single-flight'
import { subscriptionsInUse } from './subscribers'
import { type TokenAnswer, type TokenKeeper, type TokenKeeperDeps, tokenAnswer, tokenKeeper } from './token-keeper'

/** What one check found. `failure` says why it could not look; the numbers then count what came before. */
export type SyncAnswer = { found: number; queued: number; failure: Failure | null }
/**
 * How a look into the mailbox went. `elsewhere`: queued mail that no push announces. `closed`: why nothing is to be read there.
 * `push`: whether its provider announces mail, where known.
 */
type Look = { answer: SyncAnswer; more: boolean; elsewhere: number; closed: ClosedReason | null; push: boolean | null }
type ClosedReason = Extract<OpenedMailbox, { open: false }>['reason']

/** Time until the next check of a mailbox that answers, ms: a look behind its last push, else by how new mail is noticed. */
function untilNext(push: PushState, times: { begunAt: number; now: number; interval: number }): number {
  const { begunAt, now, interval } = times
  const again = checkAgainAt(push, begunAt)
  if (again !== null) return Math.max(0, Math.min(interval, again - now))
  return modeOf(push, now) === 'push' ? pushPaceSeconds(interval / 1000) * 1000 : interval
}

/** Somebody reconnected, paused or disconnected the inbox while a check ran: the check has no say any more. */
class SupersededError extends Error {
  override readonly name = 'SupersededError'
}

const STATE = 'state'
/** A renewal of push that died is tried again after this, ms. */
const RENEWAL_TIME = 15 * 60_000
/** How long a stop waits for a renewal that is under way, ms. */
const STOP_TIME = 10_000

/**
 * `push`: the provider has announced new mail. `renewal`: it wants its standing order for push renewed, or has ended it. `lapsing`: that
 * order is missing or runs out, as the row shows.
 */
export type PokeHint = { push?: boolean; renewal?: 'due' | 'ended'; lapsing?: boolean }

export class InboxObject extends DurableObject<Env> implements FetchSlots, RequestGate {
  /** Replaced by tests. */
  makeProvider: MakeProvider = realProvider(settingsOf(this.env))
  /** Renews grants; replaced by tests. */
  refresh: TokenKeeperDeps['refresh'] | null = null
  readonly #check = singleFlight(() => this.#runCheck())
  #renewal: Promise<void> | null = null
  readonly #slots = noSlots()
  readonly #gate = requestGate(systemClock, (ms) => scheduler.wait(ms))
  readonly #book = quotaBook(this.ctx.storage.kv, systemClock)
  #keeper: TokenKeeper | null = null

  /** After a verified connect: learns whose inbox it is and checks in the background. `newMailbox`: UIDs and cursor start anew. */
  async start(owner: Owner, options: { newMailbox: boolean }): Promise<void> {
    await this.#save(started(this.#load(), owner, options.newMailbox, systemClock()))
  }

  /**
   * A hint that there may be mail. Costs one check however often it comes. The sweeper names the owner, in case that was lost; a provider
   * revives nothing, since its call may have been under way when the inbox was disconnected.
   */
  async poke(owner?: Owner, hint: PokeHint = {}): Promise<void> {
    const now = systemClock()
    const called = hint.push || hint.renewal !== undefined
    if (owner && !called && !this.#load().active) await this.start(owner, { newMailbox: false })
    let state = poked(this.#load(), now)
    if (hint.push) state = { ...state, push: announced(state.push, now) }
    if (hint.renewal) state = renewalWanted(state, now, hint.renewal === 'ended')
    if (hint.lapsing) state = lapsing(state, now)
    await this.#save(state)
  }

  /** Checks now, for a person who waits for the answer. */
  async syncNow(): Promise<SyncAnswer> {
    return this.#check()
  }

  /**
   * Paused or disconnected: stops checking, and keeps its place for a later `start`. Whoever ends the provider's push after this comes
   * after any renewal that was under way.
   */
  async stop(): Promise<void> {
    await this.#save(stopped(this.#load()))
    if (this.#renewal) await Promise.race([this.#renewal.catch(() => {}), scheduler.wait(STOP_TIME)])
  }

  /** An access token of the connected account, for whoever works on this inbox. `refused`: the one the provider has just turned down. */
  async accessToken(refused?: string): Promise<TokenAnswer> {
    const { owner } = this.#load()
    return tokenAnswer(() => this.#token(owner, refused))
  }

  /** Quota units that somebody has spent on this mailbox. */
  async charge(units: number): Promise<void> {
    this.#book.charge(units)
  }

  /** For diagnosis. Reads only. */
  async state(): Promise<InboxState> {
    return this.#load()
  }

  async acquireFetchSlot(): Promise<string | null> {
    const now = systemClock()
    if (await this.#mustWait(now)) return null
    const slot = newToken(8)
    return takeSlot(this.#slots, slot, now) ? slot : null
  }

  async reserveFetch(slot: string, quota: Quota, wanted: number): Promise<number> {
    const now = systemClock()
    const state = this.#load()
    limitSlots(this.#slots, quota)
    if (!state.active || (await this.#mustWait(now))) return 0
    const { granted, nextAt } = this.#book.reserve(slot, quota, wanted)
    if (nextAt !== null) await this.#save(fetchPlanned(state, nextAt))
    return granted
  }

  async settleFetch(slot: string, spent: { messages: number[]; units: number }): Promise<void> {
    this.#book.settle(slot, spent.messages)
    this.#gate.keepOne(slot)
    this.#book.charge(spent.units)
  }

  async releaseFetchSlot(slot: string, outcome: FetchOutcome): Promise<{ wanted: boolean }> {
    this.#gate.release(slot)
    const before = this.#load()
    const { failure } = outcome
    const now = systemClock()
    let after: InboxState = { ...before, health: afterFetch(before.health, outcome) }
    // A refused login is judged by a check, which counts it once however many jobs it met.
    if (failure?.kind === 'auth_revoked') after = poked(after, now)
    if (failure?.kind === 'rate_limited') {
      const { until, detail } = afterThrottle(after.health, failure, { now, random: Math.random() })
      after = throttled(after, until, detail)
    }
    if (failure || after.health !== before.health) await this.#save(after)
    if (after.notBefore > before.notBefore) await this.#showThrottle(after, failure?.message ?? '')
    return { wanted: freeSlot(this.#slots, slot) }
  }

  async acquireRequests(id: string, ask: PermitAsk): Promise<number> {
    return this.#gate.acquire(id, ask)
  }

  async releaseRequests(id: string): Promise<void> {
    this.#gate.release(id)
  }

  /** Whether the mailbox wants to be left alone; a fetch job is then sent when that is over. */
  async #mustWait(now: number): Promise<boolean> {
    const state = this.#load()
    if (now >= state.notBefore) return false
    await this.#save(fetchPlanned(state, state.notBefore))
    return true
  }

  override async alarm(): Promise<void> {
    try {
      const due = dueTasks(this.#load().agenda, systemClock())
      if (due.includes('fetch')) await this.#sendFetch()
      const work = [due.includes('renew') ? this.#renewPush() : null, due.includes('sync') ? this.#check() : null]
      for (const result of await Promise.allSettled(work))
        if (result.status === 'rejected') log.error('inbox.alarm', { error: result.reason })
    } catch (error) {
      log.error('inbox.alarm', { error })
    } finally {
      // Every alarm re-arms: after six failures in a row the platform would never call again.
      await this.#arm()
    }
  }

  /** One check with its consequences. Throws only where the state or the row cannot be written. */
  async #runCheck(): Promise<SyncAnswer> {
    const state = this.#load()
    const { owner } = state
    if (!owner || !state.active) return { found: 0, queued: 0, failure: null }
    const interval = settingsOf(this.env).POSTROOM_POLL_SECONDS * 1000
    const begunAt = systemClock()
    const fallback = begunAt + 2 * interval
    await this.#save(begun(state, fallback))
    const db = tenantDb(this.env.DB, owner.tenantId)
    try {
      const { answer, more, elsewhere, closed, push: offered } = await this.#look(db, owner, state)
      const before = this.#current(state.generation)
      if (closed) {
        await this.#save(stopped(before))
        if (closed === 'archived') await endSubscription(this.#mailboxDeps(db, owner), owner.inboxId, before.push)
        return answer
      }
      const now = systemClock()
      const { failure } = answer
      const push = failure ? before.push : afterCheck(before.push, { begunAt, queued: answer.queued - elsewhere, more })
      const verdict = failure
        ? afterFailure(before.health, failure, { interval, now, random: Math.random() })
        : afterSuccess(before.health, untilNext(push, { begunAt, now, interval }))
      const checked = ended({ ...before, push }, verdict, { now, fallback, more })
      const after = offered === null ? checked : pushOffered(checked, offered, now)
      await this.#save(after)
      await mirrorVerdict(db, owner.inboxId, verdict, {
        now,
        nextPollAt: after.agenda.sync ?? null,
        throttle: throttleAt(after, now),
        push: pushColumns(after.push, now),
      })
      return answer
    } catch (error) {
      if (error instanceof SupersededError) return { found: 0, queued: 0, failure: null }
      throw error
    }
  }

  /** Opens the mailbox and runs the pass; what goes wrong there is part of the answer. */
  async #look(db: TenantDb, owner: Owner, state: InboxState): Promise<Look> {
    const nothing = { found: 0, queued: 0 }
    const nowhere = { more: false, elsewhere: 0, closed: null, push: null }
    try {
      const mailbox = await this.#open(db, owner, (row) => sinceOf(state, row.importDays))
      if (!mailbox.open) {
        log.info('inbox.closed', { inboxId: owner.inboxId, reason: mailbox.reason })
        return { answer: { ...nothing, failure: null }, ...nowhere, closed: mailbox.reason }
      }
      limitSlots(this.#slots, mailbox.provider.quota)
      try {
        await this.#gate.enter('pass', mailbox.provider.quota)
        const {
          more,
          elsewhere = 0,
          ...counts
        } = await runPass(
          { db, jobs: jobSender(this.env), provider: mailbox.provider, clock: systemClock },
          {
            inboxId: owner.inboxId,
            cursor: state.cursor,
            mailbox: state.mailbox,
            live: state.push.readAt !== null,
          },
          async (cursor) => this.#put({ ...this.#current(state.generation), cursor }),
        )
        const push = mailbox.provider.push !== undefined
        return { answer: { ...counts, failure: null }, more, elsewhere, closed: null, push }
      } finally {
        this.#gate.release('pass')
        await mailbox.provider.close()
      }
    } catch (error) {
      if (error instanceof SupersededError) throw error
      log.warn('inbox.check', { inboxId: owner.inboxId, error })
      return { answer: { ...nothing, failure: failureOf(error) }, ...nowhere }
    }
  }

  #open(db: TenantDb, owner: Owner, since: (row: InboxRow) => number): Promise<OpenedMailbox> {
    return openMailbox(this.#mailboxDeps(db, owner), owner.inboxId, since)
  }

  #mailboxDeps(db: TenantDb, owner: Owner): MailboxDeps {
    return {
      db,
      keyring: settingsOf(this.env).keyring,
      makeProvider: this.makeProvider,
      tokens: () => (refusedToken?: string) => this.#token(owner, refusedToken),
      spent: (units: number) => this.#book.charge(units),
      subscriptionsInUse: (ids: string[]) => subscriptionsInUse(this.env.DB, ids),
    }
  }

  /** Asks the provider for push, or prolongs it. One at a time; `stop` waits for it. */
  async #renewPush(): Promise<void> {
    this.#renewal ??= this.#runRenewal().finally(() => {
      this.#renewal = null
    })
    return this.#renewal
  }

  async #runRenewal(): Promise<void> {
    const state = this.#load()
    const { owner } = state
    if (!owner || !state.active) return
    const askedAt = systemClock()
    if (askedAt < state.notBefore) return this.#save(renewalBegun(state, state.notBefore))
    const fallback = askedAt + RENEWAL_TIME
    await this.#save(renewalBegun(state, fallback))
    const db = tenantDb(this.env.DB, owner.tenantId)
    const open = async () => {
      const mailbox = await this.#open(db, owner, () => Number.POSITIVE_INFINITY)
      if (mailbox.open) await this.#gate.enter('renewal', mailbox.provider.quota)
      return mailbox
    }
    const change = await renewPush(open, state.push, askedAt).finally(() => this.#gate.release('renewal'))
    const before = this.#load()
    if (before.generation !== state.generation) return
    if (change === null) return this.#save({ ...before, agenda: drop(before.agenda, 'renew') })
    const now = systemClock()
    const push = change(before.push)
    await this.#save({ ...before, push })
    // As long as the row does not show it nobody recognises an announcement: the fallback tries again.
    await mirrorPush(db, owner.inboxId, pushColumns(push, now))
    const after = this.#load()
    if (after.generation !== state.generation) return
    const shownAt = systemClock()
    await this.#save(renewalShown(renewalEnded(after, { now: shownAt, fallback, random: Math.random() }), shownAt))
  }

  /** The fetch job that had to wait for its provider. */
  async #sendFetch(): Promise<void> {
    const state = this.#load()
    if (systemClock() < state.notBefore) return this.#save(fetchPlanned(fetchSent(state), state.notBefore))
    await this.#save(fetchSent(state))
    if (state.owner) await jobSender(this.env).send({ kind: 'fetch', ...state.owner })
  }

  async #showThrottle({ owner, throttle, agenda }: InboxState, lastError: string): Promise<void> {
    if (!owner || !throttle) return
    const shown = { detail: throttle, lastError, nextPollAt: agenda.sync ?? null }
    try {
      await mirrorThrottle(tenantDb(this.env.DB, owner.tenantId), owner.inboxId, shown)
    } catch (error) {
      log.warn('inbox.throttle', { inboxId: owner.inboxId, error })
    }
  }

  async #token(owner: Owner | null, refused?: string): Promise<string> {
    if (!owner) throw new ProviderError('transient', 'not_started', 'This inbox is being set up.')
    this.#keeper ??= this.#makeKeeper(tenantDb(this.env.DB, owner.tenantId))
    return this.#keeper.accessToken(owner.inboxId, refused)
  }

  #makeKeeper(db: TenantDb): TokenKeeper {
    const settings = settingsOf(this.env)
    const io = { fetch: (...args: Parameters<typeof fetch>) => fetch(...args), clock: systemClock }
    const { assertServes, refresh } = grantIssuer(settings, io, db)
    return tokenKeeper({
      db,
      keyring: settings.keyring,
      clock: systemClock,
      assertServes,
      refresh: (grant) => (this.refresh ?? refresh)(grant),
    })
  }

  /** The state, provided nobody has reconnected or stopped the inbox since `generation`. */
  #current(generation: number): InboxState {
    const state = this.#load()
    if (state.generation !== generation) throw new SupersededError('the inbox was changed during the check')
    return state
  }
  #load(): InboxState {
    return inboxStateOf(this.ctx.storage.kv.get<Partial<InboxState>>(STATE))
  }
  #put(state: InboxState): void {
    this.ctx.storage.kv.put(STATE, state)
  }
  async #save(state: InboxState): Promise<void> {
    this.#put(state)
    await this.#arm()
  }
  async #arm(): Promise<void> {
    const due = nextAlarm(this.#load().agenda)
    if (due === null) await this.ctx.storage.deleteAlarm()
    else await this.ctx.storage.setAlarm(due)
  }
}
