// Bodies of the inbox routes, and the connection settings that the connect routes verify and the InboxObject uses.
import { z } from 'zod'
import { Email, Name, PageQuery, pageOf } from './http'

export const CONNECTION_TYPES = ['imap', 'google', 'microsoft', 'forward'] as const
export const SECURITY = ['tls', 'starttls', 'none'] as const
export type Security = (typeof SECURITY)[number]

/** One side (IMAP or SMTP) of a connection as typed in a form. A blank password keeps the stored one where there is one. */
export const Server = z.object({
  host: z
    .string()
    .trim()
    .min(1)
    .max(253)
    .regex(/^[A-Za-z0-9.\-:[\]]+$/, 'not a host name'),
  port: z.number().int().min(1).max(65535),
  security: z.enum(SECURITY),
  username: z.string().max(320),
  password: z.string().max(1024).default(''),
})
export type Server = z.infer<typeof Server>

export const ConnectionBody = z.object({ imap: Server.optional(), smtp: Server.optional() })
export type ConnectionBody = z.infer<typeof ConnectionBody>

/** What is known of a Google account that was connected: no secret. `grantedAt` ms. */
export const GoogleConfig = z.object({
  /** the account's own address, lower case */
  address: z.string(),
  /** the OAuth client that issued the grant: no other may refresh it */
  clientId: z.string(),
  scopes: z.array(z.string()),
  grantedAt: z.number(),
})
export type GoogleConfig = z.infer<typeof GoogleConfig>
/** Whose mailbox is read with a Microsoft grant: the signed-in person's own, one shared with them, or any by the app's own permission. */
export const MAILBOX_KINDS = ['own', 'shared', 'app'] as const
export type MailboxKind = (typeof MAILBOX_KINDS)[number]
/** What is known of a Microsoft mailbox that was connected: no secret. `grantedAt` ms. */
export const MicrosoftConfig = z.object({
  kind: z.enum(MAILBOX_KINDS),
  /** the mailbox's address, lower case */
  address: z.string(),
  /** who signed in; null for `app` */
  account: z.string().nullable(),
  /** null: the deployment's own app */
  profileId: z.string().nullable(),
  /** the client and directory that issued the grant: no other may refresh it */
  clientId: z.string(),
  directory: z.string(),
  scopes: z.array(z.string()),
  grantedAt: z.number(),
})
export type MicrosoftConfig = z.infer<typeof MicrosoftConfig>
/** The tokens of a grant. `expiresAt` ms, of the access token. A null `refreshToken`: the app speaks for itself and asks anew each time. */
export const OAuthTokens = z.object({
  accessToken: z.string(),
  expiresAt: z.number(),
  refreshToken: z.string().nullable(),
})
export type OAuthTokens = z.infer<typeof OAuthTokens>

/** What is stored readable: a Server without its password, a Google account without its tokens. */
export const ConnectionConfig = z.object({
  imap: Server.omit({ password: true }).optional(),
  smtp: Server.omit({ password: true }).optional(),
  google: GoogleConfig.optional(),
  microsoft: MicrosoftConfig.optional(),
})
export type ConnectionConfig = z.infer<typeof ConnectionConfig>
/** What is stored encrypted. */
export const ConnectionSecrets = z.object({
  imap: z.string().optional(),
  smtp: z.string().optional(),
  google: OAuthTokens.optional(),
  microsoft: OAuthTokens.optional(),
})
export type ConnectionSecrets = z.infer<typeof ConnectionSecrets>

export const AutoResponse = z.object({
  enabled: z.boolean(),
  subject: z.string().max(200),
  body: z.string().max(10_000),
})

/** What is done to a mail in its mailbox once it is on a ticket. `category` is named Postroom/Processed. */
export const MARK_ACTIONS = ['none', 'category', 'read', 'move'] as const
export type MarkAction = (typeof MARK_ACTIONS)[number]
/** A folder by its name as people see it; `/` stands before a folder inside another. */
const MarkFolder = z
  .string()
  .trim()
  .min(1, 'name the folder')
  .max(255)
  .regex(/^[^/\p{Cc}]+(\/[^/\p{Cc}]+)*$/u, 'must be a folder name, or names with one “/” between them')
  .refine((name) => name.toLowerCase() !== 'inbox', 'must be another folder than the inbox')
const MarkProcessedBody = z.discriminatedUnion('action', [
  z.object({ action: z.enum(MARK_ACTIONS).exclude(['move']) }),
  z.object({ action: z.literal('move'), folder: MarkFolder }),
])
export type MarkProcessedBody = z.infer<typeof MarkProcessedBody>
/** `inboxes.mark_problem`: why mail is not marked, in words for people. `stops`: nothing is tried until somebody has changed something. */
export const MarkProblem = z.object({ message: z.string(), stops: z.boolean() })
export type MarkProblem = z.infer<typeof MarkProblem>

export const CreateInboxBody = z.object({
  name: Name,
  displayName: Name.optional(),
  emailAddress: Email,
  connectionType: z.enum(CONNECTION_TYPES),
})
export const UpdateInboxBody = z.object({
  name: Name.optional(),
  displayName: Name.optional(),
  autoResponse: AutoResponse.optional(),
  importDays: z.number().int().min(0).max(3650).optional(),
  /** Microsoft inboxes only */
  markProcessed: MarkProcessedBody.optional(),
})

export const InboxListQuery = z.object({
  archived: z
    .enum(['true', 'false', 'all'])
    .default('false')
    .describe('archived inboxes only, active ones only, or all'),
})
/** What becomes of the open tickets; needed only where there are some. */
export const DeleteInboxBody = z.object({
  openTickets: z
    .discriminatedUnion('action', [
      z.object({ action: z.literal('transfer'), toInboxId: z.string().min(1).max(64) }),
      z.object({ action: z.literal('close') }),
    ])
    .optional(),
})
export type DeleteInboxBody = z.infer<typeof DeleteInboxBody>

/**
 * Starts connecting an account in the browser. `returnTo`: path in the app to come back to. `useAddress`: the inbox takes this address
 * when that account is the one connected (the choice after a mismatch). `chooseAccount`: the consent page asks which account it shall be
 * (trying again after a mismatch), instead of silently taking the same one.
 */
export const StartConnectBody = z.object({
  returnTo: z
    .string()
    .max(500)
    .regex(/^\/(?![/\\])/, 'must be a path of this app')
    .optional(),
  useAddress: Email.optional(),
  chooseAccount: z.boolean().optional(),
})
export type StartConnectBody = z.infer<typeof StartConnectBody>
export const StartConnectAnswer = z.object({ url: z.string() })
/**
 * `mailbox`: whose; the own one of whoever signs in where absent. Its `address` is the inbox's where absent. `profileId`: the Microsoft
 * profile that a caller expects to be used; it has to be the one bound to email.
 */
export const StartMicrosoftBody = StartConnectBody.extend({
  mailbox: z.object({ kind: z.enum(MAILBOX_KINDS), address: Email.optional() }).optional(),
  profileId: z.string().min(1).max(64).optional(),
})
export type StartMicrosoftBody = z.infer<typeof StartMicrosoftBody>
/** A null `url`: connected already, since nobody has to sign in. */
export const StartMicrosoftAnswer = z.object({ url: z.string().nullable() })
/** How connecting ended: the `connect` parameter of the address the browser comes back to. */
export const CONNECT_RESULTS = [
  'ok',
  'denied',
  'mismatch',
  'missing_scopes',
  'address_taken',
  'expired',
  'failed',
] as const
export type ConnectResult = (typeof CONNECT_RESULTS)[number]

/** One step of "Test connection" or "Diagnose". `hint` says what to do. */
export const CheckStep = z.object({
  name: z.string(),
  status: z.enum(['pass', 'warn', 'fail']),
  ms: z.number(),
  detail: z.string(),
  hint: z.string().optional(),
})
export type CheckStep = z.infer<typeof CheckStep>
export const CheckReport = z.object({ ok: z.boolean(), steps: z.array(CheckStep) })
export type CheckReport = z.infer<typeof CheckReport>

/** Blank passwords of a test are the stored ones of this inbox. */
export const TestConnectionQuery = z.object({ inboxId: z.string().max(64).optional() })
export const AutoconfigQuery = z.object({ email: Email })
const ProposedServer = Server.omit({ password: true })
/** The usual settings of an address's provider, null where nobody knows. */
export const AutoconfigAnswer = z.object({
  imap: ProposedServer.nullable(),
  smtp: ProposedServer.nullable(),
  hint: z.string().nullable(),
})
/** `found`: messages the mailbox listed as new; `queued`: those that were not known yet. */
export const SyncAnswer = z.object({ found: z.number(), queued: z.number() })

/** Why an inbox is not simply fine, in plain words, and the action that mends it. */
export const StatusDetail = z.object({
  code: z.string(),
  message: z.string(),
  action: z.enum(['reconnect', 'edit_connection', 'resume', 'wait', 'none']),
  /** when waiting ends, where that is known (ISO 8601) */
  until: z.string().optional(),
})
export type StatusDetail = z.infer<typeof StatusDetail>

export const InboxAnswer = z.object({
  id: z.string(),
  name: z.string(),
  displayName: z.string(),
  emailAddress: z.string(),
  connectionType: z.enum(CONNECTION_TYPES),
  status: z.enum(['connected', 'disconnected', 'error']),
  statusDetail: StatusDetail.nullable(),
  connectedAt: z.string().nullable(),
  lastSyncAt: z.string().nullable(),
  lastError: z.string().nullable(),
  archivedAt: z.string().nullable(),
  pausedAt: z.string().nullable(),
  pauseReason: z.string().nullable(),
  delivery: z.object({
    mode: z.enum(['poll', 'push']),
    /** seconds between polls; null for push */
    pollSeconds: z.number().nullable(),
    lastPushAt: z.string().nullable(),
    expiresAt: z.string().nullable(),
    nextPollAt: z.string().nullable(),
    /** why new mail is not announced by the provider though it could be, in words */
    problem: z.string().nullable(),
  }),
  autoResponse: AutoResponse,
  importDays: z.number(),
  /** What is done to a mail in its mailbox once it is on a ticket. */
  markProcessed: z.object({
    action: z.enum(MARK_ACTIONS),
    folder: z.string().nullable(),
    /** why mail is not marked, in words */
    problem: z.string().nullable(),
    /** the problem keeps all mail from being marked until somebody reconnects or chooses anew */
    stopped: z.boolean(),
  }),
  /** Whether it has settings to send replies through; agents see this, and not the settings. */
  canSend: z.boolean(),
  /** Hosts, ports, security and user names; never a password. Only for who may manage inboxes, else null. */
  connection: ConnectionConfig.nullable(),
  /** Messages known but without a disposition yet: an import in progress. */
  unaccounted: z.number(),
})
export type InboxAnswer = z.infer<typeof InboxAnswer>

export const InboxPage = pageOf(InboxAnswer)

/** Where a mail lies at its provider, when it is not simply received mail. */
export const MAIL_ROLES = ['sent', 'spam', 'trash', 'draft'] as const
export type MailRole = (typeof MAIL_ROLES)[number]

export const LEDGER_STATES = ['discovered', 'stored', 'done'] as const
export const DISPOSITIONS = ['ticket_created', 'reply_added', 'duplicate', 'suppressed', 'quarantined', 'gone'] as const
export const LedgerQuery = PageQuery.extend({
  state: z.enum(LEDGER_STATES).optional(),
  disposition: z
    .enum([...DISPOSITIONS, 'none'])
    .optional()
    .describe("'none': not accounted for yet"),
})
export type LedgerQuery = z.infer<typeof LedgerQuery>

export const LedgerItem = z.object({
  id: z.string(),
  identity: z.string(),
  messageId: z.string().nullable(),
  from: z.string().nullable(),
  subject: z.string().nullable(),
  receivedAt: z.string().nullable(),
  state: z.string(),
  disposition: z.string().nullable(),
  reason: z.string().nullable(),
  /** where it lies at the provider; null for received mail */
  role: z.enum(MAIL_ROLES).nullable(),
  ticketId: z.string().nullable(),
  attempts: z.number(),
  error: z.string().nullable(),
})
export type LedgerItem = z.infer<typeof LedgerItem>
export const LedgerAnswer = pageOf(LedgerItem).extend({
  summary: z.object({ total: z.number(), unaccounted: z.number(), byDisposition: z.record(z.string(), z.number()) }),
})
export type LedgerAnswer = z.infer<typeof LedgerAnswer>
