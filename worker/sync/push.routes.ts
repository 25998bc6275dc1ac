// Gmail's announcements of new mail, pushed by Pub/Sub. The token proves the caller; the body is only a hint, so that lost, doubled,
// replayed and reordered pushes are harmless. 2xx means that the hint is stored; anything else makes Pub/Sub try again.
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { createMiddleware } from 'hono/factory'
import { createRemoteJWKSet, customFetch, errors, type JWTPayload, jwtVerify } from 'jose'
import { z } from 'zod'
import type { Env } from '../env'
import { AppError } from '../platform/errors'
import type { AppEnv } from '../platform/http/context'
import { gmailPushUrl } from '../platform/http/provider-paths'
import { answers, publicRoute, raw } from '../platform/http/route'
import { log } from '../platform/log'
import { type SystemDb, systemDb } from '../platform/system-db'
import type { Owner } from './inbox-state'

/** Bytes; a real push has a few hundred. */
const BODY = 64 * 1024
const ISSUERS = ['https://accounts.google.com', 'accounts.google.com']
/**
 * Least time between two fetches of Google's keys, ms: an unknown key id has them fetched again, so this is what forged tokens can cost.
 * Within it a key that Google has just changed to is refused like any other; Pub/Sub tries again after every refusal.
 */
const KEYS_COOLDOWN = 1_000
/** Difference of clocks that is forgiven, seconds. */
const TOLERANCE = 30

const PushBody = z.object({ message: z.object({ data: z.string() }) })
/** The id is a hint nobody needs: the inbox's own cursor decides what is fetched. */
const Announcement = z.object({
  emailAddress: z.string().min(3).max(320),
  historyId: z.union([z.number().nonnegative(), z.string().regex(/^\d+$/)]),
})

/** The route over a way to fetch Google's keys; tests lend a fake one. Keys are cached as long as the returned routes live. */
export function gmailPushRoutes(io: { fetch: typeof fetch }) {
  const keySets = new Map<string, KeySet>()
  const keysOf = (url: string): KeySet => {
    const known = keySets.get(url)
    if (known) return known
    const keys = createRemoteJWKSet(new URL(url), {
      cooldownDuration: KEYS_COOLDOWN,
      [customFetch]: (...args) => io.fetch(...args),
    })
    keySets.set(url, keys)
    return keys
  }
  const verified = createMiddleware<AppEnv>(async (c, next) => {
    const { GOOGLE_PUBSUB_TOPIC, GOOGLE_PUBSUB_SERVICE_ACCOUNT: account, ...settings } = c.get('settings')
    if (!GOOGLE_PUBSUB_TOPIC || !account) throw new AppError('not_found')
    const [, token] = /^Bearer ([\w.-]+)$/i.exec(c.req.header('authorization') ?? '') ?? []
    if (token === undefined) throw new AppError('unauthenticated', { detail: 'A token of Google is needed.' })
    const audience = gmailPushUrl(settings.APP_URL)
    const claims = await claimsOf(keysOf(settings.GOOGLE_JWKS_URL), token, { audience, now: c.get('clock')() })
    if (claims.email !== account.toLowerCase())
      throw new AppError('forbidden', { detail: 'This identity does not announce mail here.' })
    await next()
  })
  const limited = bodyLimit({
    maxSize: BODY,
    onError: () => {
      throw new AppError('body_too_large')
    },
  })

  return new Hono<AppEnv>().post(
    '/webhooks/gmail-push',
    publicRoute('Pub/Sub announces new Gmail mail; verified by the token of its service account'),
    raw('application/json', BODY),
    answers(204, null),
    verified,
    limited,
    async (c) => {
      const address = addressOf(await c.req.text())
      await announce(c.env, address)
      return c.body(null, 204)
    },
  )
}

export const pushRoutes = gmailPushRoutes({ fetch: (...args) => fetch(...args) })

type KeySet = ReturnType<typeof createRemoteJWKSet>

/** The claims of a token that Google has signed for this audience, with a verified email address in lower case. `now` ms. */
async function claimsOf(
  keys: KeySet,
  token: string,
  expected: { audience: string; now: number },
): Promise<{ email: string }> {
  const { payload } = await jwtVerify(token, keys, {
    algorithms: ['RS256'],
    issuer: ISSUERS,
    audience: expected.audience,
    currentDate: new Date(expected.now),
    clockTolerance: TOLERANCE,
    requiredClaims: ['exp', 'email'],
  }).catch((error) => {
    throw refusalOf(error)
  })
  return { email: verifiedEmail(payload) }
}

/** The token is to blame (401), or the way to Google's keys is (503): then a retry tells. */
function refusalOf(cause: unknown): AppError {
  if (isRefusal(cause)) {
    log.warn('push.refused', { reason: reasonOf(cause) })
    return new AppError('unauthenticated', { detail: 'The token was not accepted.', cause })
  }
  log.warn('push.keys', { reason: reasonOf(cause) })
  return new AppError('unavailable', { retryAfter: TOLERANCE, cause })
}

/** Without the claims that an error of jose carries. */
const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

function verifiedEmail({ email, email_verified: verified }: JWTPayload): string {
  if (typeof email !== 'string' || verified !== true)
    throw new AppError('forbidden', { detail: 'The token names no verified identity.' })
  return email.toLowerCase()
}

function isRefusal(error: unknown): boolean {
  return [
    errors.JWTClaimValidationFailed,
    errors.JWTExpired,
    errors.JWTInvalid,
    errors.JWSInvalid,
    errors.JWSSignatureVerificationFailed,
    errors.JOSEAlgNotAllowed,
    errors.JOSENotSupported,
    errors.JWKSMultipleMatchingKeys,
    errors.JWKSNoMatchingKey,
  ].some((kind) => error instanceof kind)
}

/** The mailbox a push is about. Throws AppError('bad_request') on anything that is not one. */
function addressOf(body: string): string {
  try {
    const { data } = PushBody.parse(JSON.parse(body)).message
    const bytes = Uint8Array.from(atob(data.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0))
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes)
    return Announcement.parse(JSON.parse(text)).emailAddress.toLowerCase()
  } catch (cause) {
    throw new AppError('bad_request', { detail: 'This is not an announcement of Gmail.', cause })
  }
}

/** Stores the hint with each inbox that reads the account. Throws AppError('unavailable') where that fails for one. */
async function announce(env: Env, address: string): Promise<void> {
  try {
    const owners = await connectedInboxes(systemDb(env.DB), address)
    await Promise.all(
      owners.map((owner) => env.INBOX.get(env.INBOX.idFromName(owner.inboxId)).poke(owner, { push: true })),
    )
  } catch (cause) {
    log.error('push.announce', { error: cause })
    throw new AppError('unavailable', { cause })
  }
}

/** Every inbox that reads this account, of whatever tenant. */
async function connectedInboxes(system: SystemDb, address: string): Promise<Owner[]> {
  const { results } = await system.d1
    .prepare(
      `SELECT tenant_id AS tenantId, id AS inboxId FROM inboxes
       WHERE google_address = ?1 AND google_address IS NOT NULL AND connection_type = 'google'
         AND credentials IS NOT NULL AND paused_at IS NULL AND archived_at IS NULL`,
    )
    .bind(address)
    .all<Owner>()
  return results
}
