// One attempt to connect an account in the browser: bound to its user, tenant and inbox, used once, good for ten minutes.
// The state parameter is `<random>.<HMAC>`; D1 holds its digest and the sealed PKCE verifier, so reading D1 finishes no attempt.
import { and, eq } from 'drizzle-orm'
import { oauthStates } from '../db/inboxes'
import type { Keyring, SealedField } from '../platform/crypto'
import type { TenantDb } from '../platform/db'
import { base64url, newToken, sha256Hex } from '../platform/ids'

/** How long the person has, ms. */
const LIFE = 10 * 60_000
const STATE = /^([\w-]{43})\.([\w-]{43})$/

export type AttemptDeps = { db: TenantDb; keyring: Keyring; secret: string; now: number }
/**
 * `address`: whose account is expected, or which the inbox takes. `returnTo`: a page of the app. `details`: JSON of what the vendor wants
 * to find again; it is what was noted here, or the attempt is nobody's.
 */
export type Attempt = {
  userId: string
  inboxId: string
  provider: 'google' | 'microsoft'
  address: string
  returnTo: string
  details: string | null
}

/** Notes an attempt. The state goes through the browser, the verifier's digest too; neither is stored readable. */
export async function beginAttempt(
  { db, keyring, secret, now }: AttemptDeps,
  attempt: Attempt,
): Promise<{ state: string; verifier: string }> {
  const random = newToken()
  const expiresAt = now + LIFE
  const signature = await crypto.subtle.sign(
    'HMAC',
    await keyOf(secret),
    signed(random, db.tenantId, attempt, expiresAt),
  )
  const state = `${random}.${base64url(new Uint8Array(signature))}`
  // 43 characters of base64url, as RFC 7636 section 4.1 wants them
  const verifier = newToken()
  const id = await sha256Hex(state)
  const sealed = await keyring.encrypt(verifier, sealedAs(db, id))
  await db.orm.insert(oauthStates).values({ ...attempt, id, tenantId: db.tenantId, verifier: sealed, expiresAt })
  return { state, verifier }
}

/** `alive` false: it was theirs, but its time is over. */
export type TakenAttempt = Attempt & { alive: boolean; verifier: string }

/**
 * Takes the attempt of a state, so that nobody takes it again. Null where this user of this tenant has none: altered, used, swept away,
 * or somebody else's, which stays there for its owner.
 */
export async function takeAttempt(
  { db, keyring, secret, now }: AttemptDeps,
  given: { state: string; userId: string; provider: Attempt['provider'] },
): Promise<TakenAttempt | null> {
  const [, random, signature] = STATE.exec(given.state) ?? []
  if (!random || !signature) return null
  const id = await sha256Hex(given.state)
  const [row] = await db.orm
    .delete(oauthStates)
    .where(
      and(
        eq(oauthStates.tenantId, db.tenantId),
        eq(oauthStates.id, id),
        eq(oauthStates.userId, given.userId),
        eq(oauthStates.provider, given.provider),
      ),
    )
    .returning()
  if (!row) return null
  const genuine = await crypto.subtle.verify(
    'HMAC',
    await keyOf(secret),
    Uint8Array.from(atob(signature.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0)),
    signed(random, db.tenantId, row, row.expiresAt),
  )
  if (!genuine) return null
  return { ...row, alive: row.expiresAt > now, verifier: await keyring.decrypt(row.verifier, sealedAs(db, id)) }
}

const sealedAs = ({ tenantId }: TenantDb, id: string): SealedField => ({
  tenantId,
  record: id,
  field: 'oauth_verifier',
})

const keyOf = (secret: string) =>
  crypto.subtle.importKey('raw', new TextEncoder().encode(secret), { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
    'verify',
  ])

const signed = (random: string, tenantId: string, attempt: Attempt, expiresAt: number) => {
  const { userId, inboxId, provider, address, returnTo, details } = attempt
  const said = ['oauth-state', random, userId, tenantId, inboxId, provider, address, returnTo, details, expiresAt]
  return new TextEncoder().encode(JSON.stringify(said))
}
