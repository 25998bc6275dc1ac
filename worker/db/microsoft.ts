// Tables of the microsoft slice: named app registrations, and which of them serves what.
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'

export const microsoftProfiles = sqliteTable(
  'microsoft_profiles',
  {
    id: text('id').primaryKey(),
    tenantId: text('tenant_id').notNull(),
    displayName: text('display_name').notNull(),
    clientId: text('client_id').notNull(),
    /** Keyring ciphertext; null once erased. */
    secret: text('secret'),
    /** A directory (tenant) id, a domain, `organizations` or `common`. */
    directoryTenant: text('directory_tenant').notNull(),
    /** JSON array of capability names. */
    capabilities: text('capabilities').notNull().default('[]'),
    isDefault: integer('is_default', { mode: 'boolean' }).notNull().default(false),
    consentRequired: integer('consent_required', { mode: 'boolean' }).notNull().default(false),
    consentGrantedAt: integer('consent_granted_at'),
    archivedAt: integer('archived_at'),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
  },
  (t) => [
    uniqueIndex('microsoft_profiles_name').on(t.tenantId, t.displayName),
    index('microsoft_profiles_list').on(t.tenantId, t.createdAt),
  ],
)

/** Which profile serves a consumer. The only source of truth: no row, no profile. */
export const microsoftBindings = sqliteTable(
  'microsoft_bindings',
  {
    tenantId: text('tenant_id').notNull(),
    consumer: text('consumer', { enum: ['msp_sso', 'email', 'calendar', 'teams'] }).notNull(),
    profileId: text('profile_id').notNull(),
    updatedAt: integer('updated_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.consumer] }),
    index('microsoft_bindings_profile').on(t.tenantId, t.profileId),
  ],
)
