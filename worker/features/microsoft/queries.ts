// Reads of the microsoft slice: profiles, and what each of them is bound to.
import { and, asc, eq } from 'drizzle-orm'
import { MICROSOFT_CONSUMERS, type MicrosoftConsumer, type ProfileAnswer } from '../../contract/microsoft'
import { microsoftBindings, microsoftProfiles } from '../../db/microsoft'
import { iso } from '../../platform/clock'
import type { TenantDb } from '../../platform/db'
import { AppError } from '../../platform/errors'
import type { ProfileRow } from '../../platform/microsoft-app'

/** The profile, or AppError('not_found') where the tenant has none of that id. */
export async function findProfile(db: TenantDb, id: string): Promise<ProfileRow> {
  const [row] = await db.orm
    .select()
    .from(microsoftProfiles)
    .where(and(eq(microsoftProfiles.tenantId, db.tenantId), eq(microsoftProfiles.id, id)))
  if (!row) throw new AppError('not_found')
  return row
}

/** Every profile of the tenant, oldest first, archived ones too; few enough to be one page. */
export async function listProfiles(db: TenantDb): Promise<ProfileAnswer[]> {
  const [rows, bindings] = await Promise.all([profileRows(db), bindingRows(db)])
  return rows.map((row) => profileAnswer(row, bindings))
}

/** A profile row as the API shows it; its secret is only said to be there. */
export async function answerOf(db: TenantDb, row: ProfileRow): Promise<ProfileAnswer> {
  return profileAnswer(row, await bindingRows(db))
}

export function profileRows(db: TenantDb): Promise<ProfileRow[]> {
  return db.orm
    .select()
    .from(microsoftProfiles)
    .where(eq(microsoftProfiles.tenantId, db.tenantId))
    .orderBy(asc(microsoftProfiles.createdAt), asc(microsoftProfiles.id))
}

type Binding = { consumer: MicrosoftConsumer; profileId: string }

export function bindingRows(db: TenantDb): Promise<Binding[]> {
  return db.orm
    .select({ consumer: microsoftBindings.consumer, profileId: microsoftBindings.profileId })
    .from(microsoftBindings)
    .where(eq(microsoftBindings.tenantId, db.tenantId))
}

/** Whether mail of some inbox is to be marked in its mailbox. */
export async function marksMail(db: TenantDb): Promise<boolean> {
  const marking = db.prepare(
    "SELECT 1 FROM inboxes WHERE tenant_id = ?1 AND archived_at IS NULL AND mark_processed <> 'none' LIMIT 1",
  )
  return (await marking.first()) !== null
}

/** What a profile is bound to, in the order in which consumers are always named. */
export function consumersOf(bindings: readonly Binding[], profileId: string): MicrosoftConsumer[] {
  return MICROSOFT_CONSUMERS.filter((consumer) =>
    bindings.some((binding) => binding.consumer === consumer && binding.profileId === profileId),
  )
}

function profileAnswer(row: ProfileRow, bindings: readonly Binding[]): ProfileAnswer {
  return {
    id: row.id,
    displayName: row.displayName,
    clientId: row.clientId,
    directoryTenant: row.directoryTenant,
    hasSecret: row.secret !== null,
    isDefault: row.isDefault,
    archivedAt: iso(row.archivedAt),
    capabilities: capabilitiesOf(row),
    consent: { required: row.consentRequired, grantedAt: iso(row.consentGrantedAt) },
    boundConsumers: consumersOf(bindings, row.id),
  }
}

/** What the profile is noted to be set up for. */
export function capabilitiesOf({ capabilities }: Pick<ProfileRow, 'capabilities'>): string[] {
  return JSON.parse(capabilities) as string[]
}
