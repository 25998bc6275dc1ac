// The word of a directory's administrator, brought back by Microsoft's admin consent page. Its `state` is signed and not stored, since
// reading the bindings, which shows the link, writes nothing; it names a profile as it was when the link was made.
import type { ConsentResult } from '../contract/microsoft'
import type { TenantDb } from './db'
import { base64url } from './ids'

const STATE = /^consent\.(msp_[0-9a-z]{1,40})\.([\w-]{43})$/
/** A directory id; other names of a directory say nothing about the id that Microsoft answers. */
const DIRECTORY_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

type Registration = { id: string; clientId: string; directoryTenant: string }

/** The `state` of the consent link of a profile. Another client id or directory makes it another state. */
export async function consentState(secret: string, tenantId: string, profile: Registration): Promise<string> {
  const key = await crypto.subtle.importKey('raw', bytes(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  const text = JSON.stringify(['admin-consent', tenantId, profile.id, profile.clientId, profile.directoryTenant])
  return `consent.${profile.id}.${base64url(new Uint8Array(await crypto.subtle.sign('HMAC', key, bytes(text))))}`
}

/** Whether the callback answers an admin consent link rather than a sign-in. */
export function isAdminConsent(callback: URLSearchParams): boolean {
  return callback.has('admin_consent') || callback.get('state')?.startsWith('consent.') === true
}

/** Notes that the administrator has agreed, once it is sure which profile that is for. `now` ms. */
export async function recordAdminConsent(
  { db, secret, now }: { db: TenantDb; secret: string; now: number },
  callback: URLSearchParams,
): Promise<ConsentResult> {
  const state = callback.get('state') ?? ''
  const id = STATE.exec(state)?.[1]
  if (!id || callback.getAll('state').length > 1) return 'unknown'
  const profile = await db
    .prepare(
      `SELECT id, client_id AS clientId, directory_tenant AS directoryTenant FROM microsoft_profiles
       WHERE tenant_id = ?1 AND id = ?2`,
      id,
    )
    .first<Registration>()
  if (!profile || !sameText(await consentState(secret, db.tenantId, profile), state)) return 'unknown'
  if (callback.get('admin_consent')?.toLowerCase() !== 'true' || callback.has('error')) return 'denied'
  const directory = callback.get('tenant')?.toLowerCase()
  if (DIRECTORY_ID.test(profile.directoryTenant) && directory !== profile.directoryTenant) return 'other_directory'
  const { meta } = await db
    .prepare(
      `UPDATE microsoft_profiles SET consent_granted_at = ?5, updated_at = ?5
       WHERE tenant_id = ?1 AND id = ?2 AND client_id = ?3 AND directory_tenant = ?4`,
      profile.id,
      profile.clientId,
      profile.directoryTenant,
      now,
    )
    .run()
  return meta.changes === 1 ? 'granted' : 'unknown'
}

const bytes = (text: string) => new TextEncoder().encode(text)

/** Compares without telling by its time where two texts of one length differ. */
function sameText(a: string, b: string): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return difference === 0
}
