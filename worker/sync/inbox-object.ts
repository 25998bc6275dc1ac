// InboxObject: one per inbox (idFromName(inboxId)), the only writer of that inbox's cursor. It keeps the time and the state;
// what a pass does is in pass.ts, what follows from it in policy.ts and inbox-state.ts.
import { DurableObject } from 'cloudflare:workers'
import { type Env, settingsOf } from '../env'
import { systemClock } from '../platform/clock'
import { type TenantDb, tenantDb } from '../platform/db'
import { newToken } from '../platform/ids'
import { jobSender } from '../platform/jobs'
import { log } from '../platform/log'
import { ProviderError } from '../providers/provider'
import { dueTasks, nextAlarm } from './agenda'
import type { FetchOutcome, FetchSlots } from './fetch-job'
import { freeSlot, noSlots, takeSlot } from './fetch-slots'
import {
  begun,
  ended,
  type InboxState,
  type Owner,
  poked,
  sinceOf,
  started,
  stopped,
  throttled,
  UNCONFIGURED,
} from './inbox-state'
import { mirrorVerdict } from './inbox-status'
import { type MakeProvider, openMailbox, realProvider } from './mailbox'
import { runPass } from './pass'
import { afterFailure, afterFetch, afterSuccess, type Failure, failureOf } from './policy'
import { singleFlight } from './single-flight'
import { type TokenAnswer, type TokenKeeper, tokenAnswer, tokenKeeper } from './token-keeper'

/** What one check found. `failure` says why it could not look; the numbers then count what came before. */
export type SyncAnswer = { found: number; queued: number; failure: Failure | null }

/** Somebody reconnected, paused or disconnected the inbox while a check ran: the check has no say any more. */
class SupersededError extends Error {
  override readonly name = 'SupersededError'
}

const STATE = 'state'
/** Waiting time for a server that asks to slow down and names none, ms. */
const PATIENCE = 60_000

export class InboxObject extends DurableObject<Env> implements FetchSlots {
  /** Replaced by tests. */
  makeProvider: MakeProvider = realProvider(settingsOf(this.env))
  readonly #check = singleFlight(() => this.#runCheck())
  readonly #slots = noSlots()
  #keeper: TokenKeeper | null = null

  /** After a verified connect: learns whose inbox it is and checks in the background. `newMailbox`: UIDs and cursor start anew. */
  async start(owner: Owner, options: { newMailbox: boolean }): Promise<void> {
    await this.#save(started(this.#load(), owner, options.newMailbox, systemClock()))
  }

  /** A hint that there may be mail. Costs one check however often it comes. The sweeper names the owner, in case that was lost. */
  async poke(owner?: Owner): Promise<void> {
    const state = this.#load()
    if (owner && !state.active) await this.start(owner, { newMailbox: false })
    else await this.#save(poked(state, systemClock()))
  }

  /** Checks now, for a person who waits for the answer. */
  async syncNow(): Promise<SyncAnswer> {
    return this.#check()
  }

  /** Paused or disconnected: stops checking, and keeps its place for a later `start`. */
  async stop(): Promise<void> {
    await this.#save(stopped(this.#load()))
  }

  /** An access token of the connected account, for whoever works on this inbox. `refused`: the one the provider has just turned down. */
  async accessToken(refused?: string): Promise<TokenAnswer> {
    const { owner } = this.#load()
    return tokenAnswer(() => this.#token(owner, refused))
  }

  /** Quota units that somebody has spent on this mailbox. */
  async charge(units: number): Promise<void> {
    log.info('inbox.charge', { units })
  }

  /** For diagnosis. Reads only. */
  async state(): Promise<InboxState> {
    return this.#load()
  }

  async acquireFetchSlot(): Promise<string | null> {
    const now = systemClock()
    if (now < this.#load().notBefore) return null
    const slot = newToken(8)
    return takeSlot(this.#slots, slot, now) ? slot : null
  }

  async releaseFetchSlot(slot: string, outcome: FetchOutcome): Promise<{ wanted: boolean }> {
    const before = this.#load()
    const { failure } = outcome
    let after = { ...before, health: afterFetch(before.health, outcome) }
    if (failure?.kind === 'rate_limited') after = throttled(after, systemClock() + (failure.retryAfter ?? PATIENCE))
    // A refused login is judged by a check, which counts it once however many jobs it met.
    if (failure?.kind === 'auth_revoked') after = poked(after, systemClock())
    if (failure || after.health !== before.health) await this.#save(after)
    return { wanted: freeSlot(this.#slots, slot) }
  }

  override async alarm(): Promise<void> {
    try {
      if (dueTasks(this.#load().agenda, systemClock()).includes('sync')) await this.#check()
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
    const fallback = systemClock() + 2 * interval
    await this.#save(begun(state, fallback))
    const db = tenantDb(this.env.DB, owner.tenantId)
    try {
      const { answer, more, closed } = await this.#look(db, owner, state)
      const before = this.#current(state.generation)
      if (closed) {
        await this.#save(stopped(before))
        return answer
      }
      const verdict = answer.failure
        ? afterFailure(before.health, answer.failure, interval, Math.random())
        : afterSuccess(before.health, interval)
      const now = systemClock()
      const after = ended(before, verdict, { now, fallback, more })
      await this.#save(after)
      await mirrorVerdict(db, owner.inboxId, verdict, { now, nextPollAt: after.agenda.sync ?? null })
      return answer
    } catch (error) {
      if (error instanceof SupersededError) return { found: 0, queued: 0, failure: null }
      throw error
    }
  }

  /** Opens the mailbox and runs the pass; what goes wrong there is part of the answer. */
  async #look(
    db: TenantDb,
    owner: Owner,
    state: InboxState,
  ): Promise<{ answer: SyncAnswer; more: boolean; closed: boolean }> {
    const nothing = { found: 0, queued: 0 }
    try {
      const { keyring } = settingsOf(this.env)
      const tokens = () => (refused?: string) => this.#token(owner, refused)
      const deps = { db, keyring, makeProvider: this.makeProvider, tokens }
      const mailbox = await openMailbox(deps, owner.inboxId, (row) => sinceOf(state, row.importDays))
      if (!mailbox.open) {
        log.info('inbox.closed', { inboxId: owner.inboxId, reason: mailbox.reason })
        return { answer: { ...nothing, failure: null }, more: false, closed: true }
      }
      try {
        const { more, ...counts } = await runPass(
          { db, jobs: jobSender(this.env), provider: mailbox.provider, clock: systemClock },
          { inboxId: owner.inboxId, cursor: state.cursor, mailbox: state.mailbox },
          async (cursor) => this.#put({ ...this.#current(state.generation), cursor }),
        )
        return { answer: { ...counts, failure: null }, more, closed: false }
      } finally {
        await mailbox.provider.close()
      }
    } catch (error) {
      if (error instanceof SupersededError) throw error
      log.warn('inbox.check', { inboxId: owner.inboxId, error })
      return { answer: { ...nothing, failure: failureOf(error) }, more: false, closed: false }
    }
  }

  async #token(owner: Owner | null, refused?: string): Promise<string> {
    if (!owner) throw new ProviderError('transient', 'not_started', 'This inbox is being set up.')
    const { keyring } = settingsOf(this.env)
    this.#keeper ??= tokenKeeper({
      db: tenantDb(this.env.DB, owner.tenantId),
      keyring,
      clock: systemClock,
      refresh: () => Promise.reject(new ProviderError('transient', 'not_built', 'Tokens cannot be refreshed yet.')),
    })
    return this.#keeper.accessToken(owner.inboxId, refused)
  }

  /** The state, provided nobody has reconnected or stopped the inbox since `generation`. */
  #current(generation: number): InboxState {
    const state = this.#load()
    if (state.generation !== generation) throw new SupersededError('the inbox was changed during the check')
    return state
  }
  #load(): InboxState {
    return this.ctx.storage.kv.get<InboxState>(STATE) ?? UNCONFIGURED
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
