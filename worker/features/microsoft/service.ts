// Making, changing, archiving and deleting profiles. That a profile serves something is a condition of the writing statement itself,
// and that a profile is in use is one of binding it (bindings.ts), so no race leaves a binding without its profile.
import type { z } from 'zod'
import { type CreateProfileBody, MICROSOFT_CONSUMERS, type UpdateProfileBody } from '../../contract/microsoft'
import type { Edition } from '../../entitlements/edition'
import { type Keyring, KeyringError } from '../../platform/crypto'
import type { TenantDb } from '../../platform/db'
import { AppError } from '../../platform/errors'
import { newId } from '../../platform/ids'
import { clientSecretField, type ProfileRow } from '../../platform/microsoft-app'
import { namesOf, visibleIn } from './consumers'
import { bindingRows, consumersOf, findProfile } from './queries'

type Deps = { db: TenantDb; keyring: Keyring; now: number }

/** Another profile than ?2 has the name ?3; two that differ only in case would not be told apart. */
const NAME_TAKEN = `EXISTS (SELECT 1 FROM microsoft_profiles o
  WHERE o.tenant_id = ?1 AND o.id <> ?2 AND o.display_name = ?3 COLLATE NOCASE)`
const UNBOUND = 'NOT EXISTS (SELECT 1 FROM microsoft_bindings WHERE tenant_id = ?1 AND profile_id = ?2)'

const nameTaken = (name: string) =>
  new AppError('conflict', { detail: `There is already a profile named "${name}". Choose another name.` })

/** Makes a profile that serves nothing yet. AppError('conflict') where its name is taken. */
export async function createProfile(
  { db, keyring, now }: Deps,
  input: z.output<typeof CreateProfileBody>,
): Promise<ProfileRow> {
  const id = newId('msp', now)
  const { meta } = await db
    .prepare(
      `INSERT INTO microsoft_profiles (id, tenant_id, display_name, client_id, secret, directory_tenant, capabilities,
         consent_required, consent_granted_at, created_at, updated_at)
       SELECT ?2, ?1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10 WHERE NOT ${NAME_TAKEN}`,
      id,
      input.displayName,
      input.clientId,
      await keyring.encrypt(input.clientSecret, clientSecretField(db.tenantId, id)),
      input.directoryTenant,
      JSON.stringify(input.capabilities ?? []),
      input.consent?.required ? 1 : 0,
      input.consent?.granted ? now : null,
      now,
    )
    .run()
  if (meta.changes !== 1) throw nameTaken(input.displayName)
  return findProfile(db, id)
}

/**
 * Changes what is given and nothing else; a blank secret keeps the stored one. Consent was given to one client in one directory: changing
 * either takes it back. AppError('conflict') where the name is taken.
 */
export async function updateProfile(
  { db, keyring, now }: Deps,
  id: string,
  change: z.output<typeof UpdateProfileBody>,
): Promise<ProfileRow> {
  const { displayName, clientId, clientSecret, directoryTenant, capabilities, consent } = change
  const { meta } = await db
    .prepare(
      `UPDATE microsoft_profiles SET display_name = COALESCE(?3, display_name), client_id = COALESCE(?4, client_id),
         secret = COALESCE(?5, secret), directory_tenant = COALESCE(?6, directory_tenant), capabilities = COALESCE(?7, capabilities),
         consent_required = COALESCE(?8, consent_required), consent_granted_at = CASE
           WHEN ?9 = 0 OR client_id <> COALESCE(?4, client_id) OR directory_tenant <> COALESCE(?6, directory_tenant) THEN NULL
           WHEN ?9 = 1 THEN COALESCE(consent_granted_at, ?10)
           ELSE consent_granted_at END,
         updated_at = ?10
       WHERE tenant_id = ?1 AND id = ?2 AND NOT ${NAME_TAKEN}`,
      id,
      displayName ?? null,
      clientId ?? null,
      clientSecret ? await keyring.encrypt(clientSecret, clientSecretField(db.tenantId, id)) : null,
      directoryTenant ?? null,
      capabilities ? JSON.stringify(capabilities) : null,
      flag(consent?.required),
      flag(consent?.granted),
      now,
    )
    .run()
  const row = await findProfile(db, id)
  if (meta.changes !== 1) throw nameTaken(displayName ?? row.displayName)
  await resealStale(db, keyring, row)
  return row
}

/** Seals a secret with the newest key that an older one has sealed; over the very secret that was read, or not at all. */
async function resealStale(db: TenantDb, keyring: Keyring, { id, secret }: ProfileRow): Promise<void> {
  if (secret === null || !keyring.stale(secret)) return
  const sealedAs = clientSecretField(db.tenantId, id)
  const clientSecret = await keyring.decrypt(secret, sealedAs).catch((error) => {
    if (error instanceof KeyringError) return null
    throw error
  })
  if (clientSecret === null) return
  await db
    .prepare(
      'UPDATE microsoft_profiles SET secret = ?4 WHERE tenant_id = ?1 AND id = ?2 AND secret = ?3',
      id,
      secret,
      await keyring.encrypt(clientSecret, sealedAs),
    )
    .run()
}

const flag = (value: boolean | undefined) => (value === undefined ? null : Number(value))

/** Puts a profile aside, with its secret. AppError('profile_in_use') while it is bound. */
export async function archiveProfile({ db, now }: Deps, id: string): Promise<ProfileRow> {
  await db
    .prepare(
      `UPDATE microsoft_profiles SET archived_at = ?3, is_default = 0, updated_at = ?3
       WHERE tenant_id = ?1 AND id = ?2 AND archived_at IS NULL AND ${UNBOUND}`,
      id,
      now,
    )
    .run()
  const row = await findProfile(db, id)
  if (row.archivedAt === null) throw await inUse(db, id)
  return row
}

/** Takes an archived profile back; it serves nothing until it is bound. */
export async function restoreProfile({ db, now }: Deps, id: string): Promise<ProfileRow> {
  await db
    .prepare(
      `UPDATE microsoft_profiles SET archived_at = NULL, updated_at = ?3
       WHERE tenant_id = ?1 AND id = ?2 AND archived_at IS NOT NULL`,
      id,
      now,
    )
    .run()
  return findProfile(db, id)
}

/**
 * Deletes a profile and with it its secret. AppError('profile_in_use') while it is bound; with `unbindHidden` only to what this edition has,
 * since nobody could unbind the rest here: those bindings go with the profile.
 */
export async function deleteProfile(
  { db, edition }: Deps & { edition: Edition },
  { id, unbindHidden }: { id: string; unbindHidden: boolean },
): Promise<void> {
  const yielding = JSON.stringify(unbindHidden ? MICROSOFT_CONSUMERS.filter((one) => !visibleIn(edition, one)) : [])
  const [deleted] = await db.batch([
    db.prepare(
      `DELETE FROM microsoft_profiles WHERE tenant_id = ?1 AND id = ?2 AND NOT EXISTS (SELECT 1 FROM microsoft_bindings
         WHERE tenant_id = ?1 AND profile_id = ?2 AND consumer NOT IN (SELECT value FROM json_each(?3)))`,
      id,
      yielding,
    ),
    db.prepare(
      `DELETE FROM microsoft_bindings WHERE tenant_id = ?1 AND profile_id = ?2 AND consumer IN (SELECT value FROM json_each(?3))
         AND NOT EXISTS (SELECT 1 FROM microsoft_profiles WHERE tenant_id = ?1 AND id = ?2)`,
      id,
      yielding,
    ),
  ])
  if (deleted?.meta.changes === 1) return
  await findProfile(db, id)
  throw await inUse(db, id)
}

async function inUse(db: TenantDb, id: string): Promise<AppError> {
  const consumers = consumersOf(await bindingRows(db), id)
  return new AppError('profile_in_use', {
    detail: `This profile serves ${namesOf(consumers)}. Choose another profile there first.`,
    extra: { consumers },
  })
}

/** Labels one profile as the default, and no other. Nothing follows from the label. AppError('conflict') for an archived one. */
export async function makeDefault({ db, now }: Deps, id: string): Promise<ProfileRow> {
  await db
    .prepare(
      `UPDATE microsoft_profiles SET is_default = (id = ?2), updated_at = ?3
       WHERE tenant_id = ?1 AND (is_default = 1 OR id = ?2)
         AND EXISTS (SELECT 1 FROM microsoft_profiles WHERE tenant_id = ?1 AND id = ?2 AND archived_at IS NULL)`,
      id,
      now,
    )
    .run()
  const row = await findProfile(db, id)
  if (!row.isDefault) throw new AppError('conflict', { detail: 'This profile is archived. Restore it first.' })
  return row
}
