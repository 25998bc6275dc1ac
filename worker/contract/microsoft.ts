// Bodies of the Microsoft routes: named app registrations (profiles), and which of them serves what (bindings).
import { z } from 'zod'
import { Name } from './http'
import type { MailboxKind } from './inboxes'

/** What a Microsoft app may serve here. */
export const MICROSOFT_CONSUMERS = ['msp_sso', 'email', 'calendar', 'teams'] as const
export type MicrosoftConsumer = (typeof MICROSOFT_CONSUMERS)[number]

/**
 * Whether a consumer can work. `not_configured`: nothing is bound. `pending_admin_consent`: the directory's administrator has to agree
 * first. `invalid_profile`: a profile is bound that cannot serve (gone, archived, without a secret); nothing stands in for it.
 */
export const BINDING_STATES = ['ready', 'not_configured', 'pending_admin_consent', 'invalid_profile'] as const
export type BindingState = (typeof BINDING_STATES)[number]

/** What an administrator notes a registration to be set up for; only shown. */
export const PROFILE_CAPABILITIES = [
  'sign_in',
  'mail',
  'shared_mailboxes',
  'app_only_mail',
  'large_replies',
  'calendar',
  'teams',
] as const

/** Permissions asked for a mailbox in a browser; `app` acts on permissions that the directory's administrator has granted. */
export const MAIL_SCOPES: Record<Exclude<MailboxKind, 'app'>, readonly string[]> = {
  own: ['offline_access', 'User.Read', 'Mail.Read', 'Mail.Send'],
  shared: ['offline_access', 'User.Read', 'Mail.Read.Shared', 'Mail.Send.Shared'],
}

/**
 * The permissions to ask for. `writesMail` asks for writing instead of reading alone: Graph takes a mail over 3 MB only as a draft, and mail
 * that is on a ticket can only be marked by who may change it.
 */
export function mailScopes(kind: Exclude<MailboxKind, 'app'>, writesMail: boolean): readonly string[] {
  return writesMail ? MAIL_SCOPES[kind].map((scope) => scope.replace('Mail.Read', 'Mail.ReadWrite')) : MAIL_SCOPES[kind]
}

/** A directory (tenant) id, a domain of it, `organizations` or `common`. It becomes a path segment of the authority. */
const DirectoryTenant = z
  .string()
  .trim()
  .toLowerCase()
  .max(253)
  .regex(
    /^(common|organizations|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9])$/,
    'must be a tenant id, a domain, "organizations" or "common"',
  )
const ClientId = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .regex(/^[A-Za-z0-9._-]+$/, 'must be the application (client) id')
/** Spaces around a pasted secret are not part of it. */
const ClientSecret = z.string().trim().max(1024)
const Capabilities = z
  .array(z.enum(PROFILE_CAPABILITIES))
  .max(PROFILE_CAPABILITIES.length)
  .transform((list) => [...new Set(list)])
/**
 * `granted`: the directory's administrator has agreed to the registration as it is stored, as an administrator here says. A change of
 * client id or directory in the same request takes it back.
 */
const Consent = z.object({ required: z.boolean().optional(), granted: z.boolean().optional() })

export const CreateProfileBody = z.object({
  displayName: Name,
  clientId: ClientId,
  clientSecret: ClientSecret.min(1),
  directoryTenant: DirectoryTenant,
  capabilities: Capabilities.optional(),
  consent: Consent.optional(),
})
/** A blank secret keeps the stored one. */
export const UpdateProfileBody = CreateProfileBody.extend({ clientSecret: ClientSecret }).partial()

/** `unbindHidden`: takes the bindings along that this edition does not have; nobody could take them away here. */
export const DeleteProfileQuery = z.object({ unbindHidden: z.literal('true').optional() })

export const ProfileAnswer = z.object({
  id: z.string(),
  displayName: z.string(),
  clientId: z.string(),
  directoryTenant: z.string(),
  hasSecret: z.boolean(),
  isDefault: z.boolean(),
  archivedAt: z.string().nullable(),
  capabilities: z.array(z.string()),
  consent: z.object({ required: z.boolean(), grantedAt: z.string().nullable() }),
  boundConsumers: z.array(z.enum(MICROSOFT_CONSUMERS)),
})
export type ProfileAnswer = z.infer<typeof ProfileAnswer>
export const ProfileList = z.object({ items: z.array(ProfileAnswer), nextCursor: z.string().nullable() })

/**
 * How asking a directory's administrator ended: the `consent` parameter of the address the browser comes back to. `unknown`: the link is
 * altered, another tenant's, or of a profile that has changed since. `other_directory`: somebody else's administrator agreed.
 */
export type ConsentResult = 'granted' | 'denied' | 'unknown' | 'other_directory' | 'failed'

export const BindBody = z.object({ profileId: z.string().min(1).max(64) })

export const BindingAnswer = z.object({
  consumer: z.enum(MICROSOFT_CONSUMERS),
  /** whether this edition has it; what is not visible cannot be bound */
  visible: z.boolean(),
  state: z.enum(BINDING_STATES),
  /** null: none bound, or `email` served by the deployment's own app */
  profileId: z.string().nullable(),
  /** to register with the app in Microsoft Entra */
  redirectUris: z.array(z.string()),
  /** delegated permissions the app needs */
  scopes: z.array(z.string()),
  /** delegated permissions that nothing asks for yet: to mark mail, and for replies over 3 MB */
  optionalScopes: z.array(z.string()),
  /** application permissions, only for mailboxes that the app shall open without anybody signing in */
  applicationPermissions: z.array(z.string()),
  /** where the directory's administrator agrees for everybody; null without an app to agree to */
  adminConsentUrl: z.string().nullable(),
  /** `teams` only: the Application ID URI to expose, null where it is not known yet */
  applicationIdUri: z.string().nullable().optional(),
})
export type BindingAnswer = z.infer<typeof BindingAnswer>
export const BindingList = z.object({ items: z.array(BindingAnswer) })
