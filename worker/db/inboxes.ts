// Tables of the inboxes slice. Status columns mirror what the InboxObject has proven; only it and the connect routes write them.
import { sql } from 'drizzle-orm'
import { index, integer, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'

export const inboxes = sqliteTable(
  'inboxes',
  {
    id: text('id').primaryKey(),
    tenantId: text('tenant_id').notNull(),
    name: text('name').notNull(),
    displayName: text('display_name').notNull(),
    /** Lower case. */
    emailAddress: text('email_address').notNull(),
    connectionType: text('connection_type', { enum: ['imap', 'google', 'microsoft', 'forward'] }).notNull(),
    status: text('status', { enum: ['connected', 'disconnected', 'error'] })
      .notNull()
      .default('disconnected'),
    /** JSON StatusDetail { code, message, action } | null */
    statusDetail: text('status_detail'),
    /** JSON ConnectionConfig: hosts, ports, security, user names. Never a password. */
    config: text('config'),
    /** Keyring ciphertext of JSON ConnectionSecrets; null when disconnected. */
    credentials: text('credentials'),
    connectedAt: integer('connected_at'),
    lastSyncAt: integer('last_sync_at'),
    lastError: text('last_error'),
    nextPollAt: integer('next_poll_at'),
    pausedAt: integer('paused_at'),
    /** `auth_failure` or `manual` */
    pauseReason: text('pause_reason'),
    /** How new mail is noticed, as proven: `push` only while announcements arrive. */
    deliveryMode: text('delivery_mode', { enum: ['poll', 'push'] })
      .notNull()
      .default('poll'),
    lastPushAt: integer('last_push_at'),
    /** Why push does not work though it is wanted, in plain words. */
    pushProblem: text('push_problem'),
    /** The connected Google account, lower case; null while none is connected. */
    googleAddress: text('google_address'),
    /** When Gmail's watch ends unless it is renewed; null without one. */
    gmailWatchExpiresAt: integer('gmail_watch_expires_at'),
    graphSubscriptionId: text('graph_subscription_id'),
    graphSubscriptionExpiresAt: integer('graph_subscription_expires_at'),
    /** SHA-256 (hex) of the subscription's clientState, which proves a notification's sender. */
    graphClientState: text('graph_client_state'),
    archivedAt: integer('archived_at'),
    /** Days of old mail the first connect imports; 0 = only new mail. */
    importDays: integer('import_days').notNull().default(30),
    /** What is done to a mail in its mailbox once it is on a ticket; anything but `none` needs the permission to write mail. */
    markProcessed: text('mark_processed', { enum: ['none', 'category', 'read', 'move'] })
      .notNull()
      .default('none'),
    /** `move` only: name of the folder that it goes to. */
    markFolder: text('mark_folder'),
    /** JSON MarkProblem { message, stops }: why mail is not marked though it is wanted. */
    markProblem: text('mark_problem'),
    /** JSON { enabled, subject, body } */
    autoResponse: text('auto_response'),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
  },
  (t) => [
    uniqueIndex('inboxes_address').on(t.tenantId, t.emailAddress),
    // Email Routing hands over a recipient address and nothing else, so among all tenants it names one forwarding inbox.
    // A push names an address and nothing else; several tenants may have connected the same mailbox.
    index('inboxes_google_address').on(t.googleAddress).where(sql`google_address is not null`),
    // A notification names a subscription and nothing else.
    index('inboxes_graph_subscription').on(t.graphSubscriptionId).where(sql`graph_subscription_id is not null`),
    uniqueIndex('inboxes_forward_address').on(t.emailAddress).where(sql`connection_type = 'forward'`),
    index('inboxes_list').on(t.tenantId, t.archivedAt, t.createdAt),
    index('inboxes_due').on(t.nextPollAt),
  ],
)

/** Connecting an account in the browser: one row per attempt, used once, good for ten minutes. */
export const oauthStates = sqliteTable(
  'oauth_states',
  {
    /** SHA-256 of the state parameter, hex. */
    id: text('id').primaryKey(),
    tenantId: text('tenant_id').notNull(),
    userId: text('user_id').notNull(),
    inboxId: text('inbox_id').notNull(),
    provider: text('provider', { enum: ['google', 'microsoft'] }).notNull(),
    /** The address whose account is expected, lower case. */
    address: text('address').notNull(),
    /** Keyring ciphertext of the PKCE code verifier. */
    verifier: text('verifier').notNull(),
    /** JSON of what the vendor's attempt needs besides: for Microsoft { profileId, clientId, directory, kind, address }. */
    details: text('details'),
    /** Path in the app. */
    returnTo: text('return_to').notNull(),
    expiresAt: integer('expires_at').notNull(),
  },
  (t) => [index('oauth_states_expiry').on(t.expiresAt)],
)
