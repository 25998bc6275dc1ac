// Graph's change notifications and what it says of its subscriptions. Each item proves itself by its subscription's clientState and is only
// a hint, so that lost, doubled and reordered ones are harmless. 202 means that the hints are stored; 503 makes Graph try again.
import { timingSafeEqual } from 'node:crypto'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { z } from 'zod'
import type { Env } from '../env'
import { AppError } from '../platform/errors'
import type { AppEnv } from '../platform/http/context'
import { answers, publicRoute, query, raw } from '../platform/http/route'
import { log } from '../platform/log'
import type { PokeHint } from './inbox-object'
import { proofOf } from './push-state'
import { markDue, subscribersOf } from './subscribers'

/**
 * Bytes; one POST carries notifications of many subscriptions, each of less than 1 KiB, and Graph names no limit. A POST that is refused
 * comes again for hours with all of its items, so this is far more than a real one has; the mail is found by the checks meanwhile.
 */
const BODY = 2 * 1024 * 1024
/** Characters of a validation token; real ones have a few hundred. */
const TOKEN = 4096
/** Characters of a subscription's id and of a clientState; Graph's are 36 and at most 128. */
const ID = 256
/**
 * Until the objects are woken, ms. Waking keeps an isolate busy and what it starts even more, so a burst's other POSTs are answered first.
 */
const WAKE_AFTER = 50

/** Graph asks whether this address is ours before it sends anything: the answer is the decoded token. */
const Validation = z.object({ validationToken: z.string().min(1).max(TOKEN).optional() })
const Batch = z.object({ value: z.array(z.unknown()) })
const Item = z.object({
  subscriptionId: z.string().min(1).max(ID),
  // Absent: nothing proves the sender.
  clientState: z.string().min(1).max(ID),
  lifecycleEvent: z.string().max(100).optional(),
})
type Item = z.infer<typeof Item>

const limited = bodyLimit({
  maxSize: BODY,
  onError: () => {
    throw new AppError('body_too_large')
  },
})

export const graphPushRoutes = new Hono<AppEnv>()
  .post(
    '/webhooks/graph-push',
    publicRoute('Graph announces new mail; each notification verified by its subscription and clientState'),
    query(Validation),
    raw('application/json', BODY),
    answers(202, null),
    limited,
    (c) => validated(c, c.req.valid('query').validationToken) ?? announced(c),
  )
  .post(
    '/webhooks/graph-lifecycle',
    publicRoute('Graph says what becomes of a subscription; verified as notifications are'),
    query(Validation),
    raw('application/json', BODY),
    answers(202, null),
    limited,
    (c) => validated(c, c.req.valid('query').validationToken) ?? told(c),
  )

/** Answers Graph's question whether this address is ours; null where it asks nothing. Text, with nosniff, so that no browser takes it for a page. */
function validated(c: Context<AppEnv>, token: string | undefined): Response | null {
  return token === undefined ? null : c.text(token, 200)
}

/**
 * A hint is stored as soon as the rows say that a check is due: one statement, however many inboxes a POST is about. Their objects are
 * woken behind the answer, and by the sweeper where that fails.
 */
async function announced(c: Context<AppEnv>): Promise<Response> {
  const hints = await hintsOf(c.env, itemsOf(await c.req.text()))
  await orUnavailable(() => markDue(c.env.DB, [...hints.keys()], c.get('clock')()))
  const woken = scheduler.wait(WAKE_AFTER).then(() => wake(c.env, hints))
  c.executionCtx.waitUntil(woken.catch((error) => log.error('graph.wake', { error })))
  return c.body(null, 202)
}

/** What Graph says of a subscription is in no row, so it is stored once the object has it. */
async function told(c: Context<AppEnv>): Promise<Response> {
  const hints = await hintsOf(c.env, itemsOf(await c.req.text()))
  await orUnavailable(() => wake(c.env, hints))
  return c.body(null, 202)
}

/** Throws AppError('unavailable') for whatever goes wrong: Graph tries again. */
async function orUnavailable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    log.error('graph.store', { error: cause })
    throw new AppError('unavailable', { cause })
  }
}

/** The items of a POST, each judged on its own; null for one that proves nothing. Throws AppError('bad_request') where there are none to see. */
function itemsOf(body: string): (Item | null)[] {
  try {
    return Batch.parse(JSON.parse(body)).value.map((item) => Item.safeParse(item).data ?? null)
  } catch (cause) {
    throw new AppError('bad_request', { detail: 'This is not a notification of Graph.', cause })
  }
}

type Hints = Map<string, PokeHint>

/**
 * What the items ask of the inboxes that their subscriptions belong to. An item that proves nothing is dropped, for Graph would repeat it
 * and its neighbours for hours.
 */
async function hintsOf(env: Env, items: (Item | null)[]): Promise<Hints> {
  const readable = items.flatMap((item) => item ?? [])
  const ids = readable.map((item) => item.subscriptionId)
  const subscribers = await orUnavailable(() => subscribersOf(env.DB, ids))
  const hints: Hints = new Map()
  let refused = items.length - readable.length
  let unknown = 0
  for (const item of readable) {
    const known = subscribers.get(item.subscriptionId) ?? []
    const proven = known.filter(({ proof }) => sameProof(proofOf(item.clientState), proof))
    if (known.length === 0) unknown++
    else if (proven.length === 0) refused++
    for (const { inboxId } of proven) hints.set(inboxId, { ...hints.get(inboxId), ...hintOf(item) })
  }
  if (refused > 0) log.warn('graph.refused', { items: items.length, refused, unknown })
  else if (unknown > 0) log.info('graph.unknown', { items: items.length, unknown })
  return hints
}

/** Hands each inbox its hint; throws once all were tried where one could not be reached. */
async function wake(env: Env, hints: Hints): Promise<void> {
  const poked = await Promise.allSettled(
    [...hints].map(async ([inboxId, hint]) => env.INBOX.get(env.INBOX.idFromName(inboxId)).poke(undefined, hint)),
  )
  const failed = poked.find((result) => result.status === 'rejected')
  if (failed) throw failed.reason
}

/** What an item asks of its inbox. Whatever else Graph may come to say of a subscription, a check does no harm. */
function hintOf({ lifecycleEvent }: Item): PokeHint {
  switch (lifecycleEvent) {
    case 'reauthorizationRequired':
      return { renewal: 'due' }
    case 'subscriptionRemoved':
      return { renewal: 'ended' }
    // Announcements were lost, so mail that nothing announced is no sign of silence.
    case 'missed':
    case undefined:
      return { push: true }
    default:
      return {}
  }
}

/** In constant time. Both are digests, so that even their lengths say nothing. */
function sameProof(given: string, stored: string): boolean {
  const [a, b] = [Buffer.from(given, 'hex'), Buffer.from(stored, 'hex')]
  return a.length === b.length && timingSafeEqual(a, b)
}
