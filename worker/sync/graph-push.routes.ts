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
import { subscribersOf } from './subscribers'

/** Bytes; one POST carries notifications of many subscriptions, each of less than 1 KiB. */
const BODY = 256 * 1024
/** Characters of a validation token; real ones have a few hundred. */
const TOKEN = 4096
/** Characters of a subscription's id and of a clientState; Graph's are 36 and at most 128. */
const ID = 256

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
    (c) => received(c, c.req.valid('query').validationToken),
  )
  .post(
    '/webhooks/graph-lifecycle',
    publicRoute('Graph says what becomes of a subscription; verified as notifications are'),
    query(Validation),
    raw('application/json', BODY),
    answers(202, null),
    limited,
    (c) => received(c, c.req.valid('query').validationToken),
  )

async function received(c: Context<AppEnv>, validationToken: string | undefined): Promise<Response> {
  // Text, with nosniff, so that no browser takes it for a page.
  if (validationToken !== undefined) return c.text(validationToken, 200)
  const items = itemsOf(await c.req.text())
  await announce(c.env, items)
  return c.body(null, 202)
}

/** The items of a POST, each judged on its own; null for one that proves nothing. Throws AppError('bad_request') where there are none to see. */
function itemsOf(body: string): (Item | null)[] {
  try {
    return Batch.parse(JSON.parse(body)).value.map((item) => Item.safeParse(item).data ?? null)
  } catch (cause) {
    throw new AppError('bad_request', { detail: 'This is not a notification of Graph.', cause })
  }
}

/**
 * Stores the hints with the inboxes that the items' subscriptions belong to. An item that is refused is dropped, for Graph would repeat it
 * and its neighbours for hours. Throws AppError('unavailable') where a hint could not be stored.
 */
async function announce(env: Env, items: (Item | null)[]): Promise<void> {
  const readable = items.flatMap((item) => item ?? [])
  try {
    const subscribers = await subscribersOf(
      env.DB,
      readable.map((item) => item.subscriptionId),
    )
    const hints = new Map<string, PokeHint>()
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
    const poked = await Promise.allSettled(
      [...hints].map(([inboxId, hint]) => env.INBOX.get(env.INBOX.idFromName(inboxId)).poke(undefined, hint)),
    )
    const failed = poked.find((result) => result.status === 'rejected')
    if (failed) throw failed.reason
  } catch (cause) {
    log.error('graph.announce', { error: cause })
    throw new AppError('unavailable', { cause })
  }
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
