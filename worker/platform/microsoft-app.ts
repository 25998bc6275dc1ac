// Which Microsoft app serves a tenant's mail, and whether a bound profile can serve at all. The bindings are the only source of truth:
// a bound profile that cannot serve is never replaced by another app. Reads only, never writes.
import type { BindingState } from '../contract/microsoft'
import type { microsoftProfiles } from '../db/microsoft'
import type { Settings } from '../env'
import { type Keyring, KeyringError, type SealedField } from './crypto'
import type { TenantDb } from './db'
import { log } from './log'

type AppSettings = Pick<Settings, 'MICROSOFT_CLIENT_ID' | 'MICROSOFT_CLIENT_SECRET'>

/**
 * An app registration that may ask for mail. `directory` is the authority's path segment; `writesDrafts`: it is set up for replies over
 * 3 MB. Never logged, never answered.
 */
export type MicrosoftApp =
  | {
      kind: 'profile'
      profileId: string
      clientId: string
      clientSecret: string
      directory: string
      writesDrafts: boolean
    }
  | {
      kind: 'deployment'
      profileId: null
      clientId: string
      clientSecret: string
      directory: 'common'
      writesDrafts: false
    }
/** Or why there is none. */
export type EmailApp = MicrosoftApp | { kind: 'none'; state: Exclude<BindingState, 'ready'> }

export type ProfileRow = typeof microsoftProfiles.$inferSelect
type Serviceable = Pick<ProfileRow, 'secret' | 'archivedAt' | 'consentRequired' | 'consentGrantedAt'>

/** What a client secret is sealed for. */
export const clientSecretField = (tenantId: string, profileId: string): SealedField => ({
  tenantId,
  record: profileId,
  field: 'client_secret',
})

/** Whether a profile that is bound can serve; `null` is one that no longer exists. */
export function profileState(profile: Serviceable | null): Exclude<BindingState, 'not_configured'> {
  if (profile === null || profile.archivedAt !== null || profile.secret === null) return 'invalid_profile'
  return profile.consentRequired && profile.consentGrantedAt === null ? 'pending_admin_consent' : 'ready'
}

/** The deployment's own app, or null where MICROSOFT_CLIENT_ID or MICROSOFT_CLIENT_SECRET is not set. */
export function deploymentApp(settings: AppSettings): Extract<MicrosoftApp, { kind: 'deployment' }> | null {
  const { MICROSOFT_CLIENT_ID: clientId, MICROSOFT_CLIENT_SECRET: clientSecret } = settings
  if (!clientId || !clientSecret) return null
  return { kind: 'deployment', profileId: null, clientId, clientSecret, directory: 'common', writesDrafts: false }
}

/** The app for this tenant's mail: the profile bound to `email`; the deployment's own where none is bound, and only then. */
export async function resolveEmailApp(db: TenantDb, settings: AppSettings & { keyring: Keyring }): Promise<EmailApp> {
  const bound = await db
    .prepare(
      `SELECT b.profile_id AS profileId, p.id IS NOT NULL AS known, p.client_id AS clientId, p.secret, p.directory_tenant AS directory,
         p.archived_at AS archivedAt, p.consent_required AS consentRequired, p.consent_granted_at AS consentGrantedAt,
         EXISTS (SELECT 1 FROM json_each(p.capabilities) WHERE value = 'large_replies') AS writesDrafts
       FROM microsoft_bindings b LEFT JOIN microsoft_profiles p ON p.tenant_id = b.tenant_id AND p.id = b.profile_id
       WHERE b.tenant_id = ?1 AND b.consumer = 'email'`,
    )
    .first<BoundProfile>()
  if (!bound) return deploymentApp(settings) ?? { kind: 'none', state: 'not_configured' }
  const { profileId, clientId, directory, secret } = bound
  const state = profileState(bound.known ? { ...bound, consentRequired: bound.consentRequired === 1 } : null)
  if (state !== 'ready' || secret === null)
    return { kind: 'none', state: state === 'ready' ? 'invalid_profile' : state }
  try {
    const clientSecret = await settings.keyring.decrypt(secret, clientSecretField(db.tenantId, profileId))
    return { kind: 'profile', profileId, clientId, clientSecret, directory, writesDrafts: bound.writesDrafts === 1 }
  } catch (error) {
    if (!(error instanceof KeyringError)) throw error
    log.error('microsoft.profile.secret', { profileId, error })
    return { kind: 'none', state: 'invalid_profile' }
  }
}

/** SQLite's row: booleans are 0 and 1, and every column of a profile that is gone is null. */
type BoundProfile = Omit<Serviceable, 'consentRequired'> & {
  profileId: string
  known: number
  clientId: string
  directory: string
  consentRequired: number
  writesDrafts: number
}
