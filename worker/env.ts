// Env typing and settings: every variable of docs/operations.md, parsed once per isolate. Nothing else reads env strings.
import { z } from 'zod'
import { createKeyring, type Keyring } from './platform/crypto'

/** Bindings and variables as the runtime hands them over. */
export type Env = Cloudflare.Env & Partial<Record<SettingName, string>>

const url = (fallback: string) =>
  z
    .url()
    .default(fallback)
    .transform((value) => value.replace(/\/+$/, ''))

const Settings = z.object({
  APP_URL: url('http://localhost:8787'),
  AUTH_SECRET: z.string().min(32, 'AUTH_SECRET needs at least 32 characters'),
  OPERATOR_TOKEN: z.string().min(24).optional(),
  ENCRYPTION_KEYS: z.string().min(1),
  DEFAULT_PLAN: z.enum(['trial', 'growth', 'starter', 'business', 'enterprise']).default('enterprise'),
  /** DNS over HTTPS (JSON) endpoint that the settings proposal asks for MX records */
  DNS_URL: url('https://cloudflare-dns.com/dns-query'),
  /** Google's OAuth client; without both nobody can connect Gmail */
  GOOGLE_CLIENT_ID: z.string().min(1).optional(),
  GOOGLE_CLIENT_SECRET: z.string().min(1).optional(),
  /** `projects/…/topics/…` that Gmail publishes to; without it Gmail inboxes are polled */
  GOOGLE_PUBSUB_TOPIC: z
    .string()
    .regex(/^projects\/[^/]+\/topics\/[^/]+$/, 'must look like projects/<project>/topics/<topic>')
    .optional(),
  /** the service account whose tokens the push subscription sends */
  GOOGLE_PUBSUB_SERVICE_ACCOUNT: z.email().optional(),
  GOOGLE_AUTH_URL: url('https://accounts.google.com/o/oauth2/v2/auth'),
  GOOGLE_TOKEN_URL: url('https://oauth2.googleapis.com/token'),
  GOOGLE_REVOKE_URL: url('https://oauth2.googleapis.com/revoke'),
  GOOGLE_JWKS_URL: url('https://www.googleapis.com/oauth2/v3/certs'),
  GMAIL_API_URL: url('https://gmail.googleapis.com'),
  /** quota units that Google grants one mailbox in a minute; projects from before May 2026 have 15000 */
  GMAIL_UNITS_PER_MINUTE: z.coerce.number().int().min(300).max(10_000_000).default(6000),
  /** authority root; `/{directory}/oauth2/v2.0/…` is appended */
  MICROSOFT_LOGIN_URL: url('https://login.microsoftonline.com'),
  MICROSOFT_GRAPH_URL: url('https://graph.microsoft.com/v1.0'),
  /** an app for the whole deployment: serves `email` of tenants that have bound no profile to it */
  MICROSOFT_CLIENT_ID: z.string().min(1).optional(),
  MICROSOFT_CLIENT_SECRET: z.string().min(1).optional(),
  /** comma-separated hosts (`host` or `host:port`) that a provider may name in redirects and links, besides those of the URLs above */
  TRUSTED_PROVIDER_HOSTS: z
    .string()
    // where Graph's upload sessions live
    .default('outlook.office.com,outlook.office365.com')
    .transform((list) => list.split(',').flatMap((host) => host.trim().toLowerCase() || [])),
  POSTROOM_POLL_SECONDS: z.coerce.number().int().min(1).max(3600).default(60),
})
type SettingName = keyof z.input<typeof Settings>
export type Settings = z.output<typeof Settings> & { keyring: Keyring }

let parsed: { source: Env; settings: Settings } | undefined

/** The settings of this isolate. Throws one readable error that names every wrong variable and no value. */
export function settingsOf(env: Env): Settings {
  if (parsed?.source === env) return parsed.settings
  const blank = Object.fromEntries(
    Object.keys(Settings.shape).map((name) => [name, env[name as SettingName] || undefined]),
  )
  const result = Settings.safeParse(blank)
  if (!result.success) {
    throw new Error(
      `settings: ${result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}`,
    )
  }
  const settings = { ...result.data, keyring: createKeyring(result.data.ENCRYPTION_KEYS) }
  parsed = { source: env, settings }
  return settings
}
