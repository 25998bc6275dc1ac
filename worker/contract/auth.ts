// Bodies of setup, sign-in, invitations, users and the operator's routes.
import { z } from 'zod'
import { Email, Name, pageOf } from './http'
import { HTTP_LIMITS } from './limits'
import { ROLES } from './permissions'

const Password = z.string().min(HTTP_LIMITS.password.min).max(HTTP_LIMITS.password.max)

export const SetupBody = z.object({ tenantName: Name, name: Name, email: Email, password: Password })
export const SignInBody = z.object({ email: Email, password: z.string().min(1).max(HTTP_LIMITS.password.max) })
export const InviteBody = z.object({ email: Email, role: z.enum(ROLES) })
export const AcceptInviteBody = z.object({ token: z.string().min(20).max(200), name: Name, password: Password })
export const ChangePasswordBody = z.object({ currentPassword: SignInBody.shape.password, newPassword: Password })
export const UpdateUserBody = z.object({ role: z.enum(ROLES).optional(), disabled: z.boolean().optional() })
export const OperatorTenantBody = z.object({ tenantName: Name, ownerEmail: Email, plan: z.string().max(40).optional() })
export const OperatorPlanBody = z.object({ plan: z.string().min(1).max(40) })

export const SetupAnswer = z.object({ needed: z.boolean() })
export const InviteAnswer = z.object({ id: z.string(), url: z.string(), expiresAt: z.string() })
export const TenantAnswer = z.object({ id: z.string(), name: z.string(), plan: z.string(), createdAt: z.string() })
export type TenantAnswer = z.infer<typeof TenantAnswer>
export const OperatorTenantAnswer = z.object({ tenant: TenantAnswer })
export const OperatorNewTenantAnswer = OperatorTenantAnswer.extend({ inviteUrl: z.string() })
export const TenantPage = pageOf(TenantAnswer)

export const SessionAnswer = z.object({
  user: z.object({ id: z.string(), name: z.string(), email: z.string() }),
  tenant: z.object({ id: z.string(), name: z.string() }),
  role: z.enum(ROLES),
  capabilities: z.array(z.string()),
  limits: z.object({ inboxes: z.number().nullable() }),
  permissions: z.array(z.string()),
})
export type SessionAnswer = z.infer<typeof SessionAnswer>

export const UserAnswer = z.object({
  id: z.string(),
  name: z.string(),
  email: z.string(),
  role: z.enum(ROLES),
  disabledAt: z.string().nullable(),
  createdAt: z.string(),
})
export type UserAnswer = z.infer<typeof UserAnswer>
export const UserPage = pageOf(UserAnswer)

/** An invitation that nobody has accepted yet. */
export const InvitationAnswer = z.object({
  id: z.string(),
  email: z.string(),
  role: z.enum(ROLES),
  createdAt: z.string(),
  expiresAt: z.string(),
})
export const InvitationPage = pageOf(InvitationAnswer)

/** One of a person's own sessions. */
export const OwnSessionAnswer = z.object({
  id: z.string(),
  current: z.boolean(),
  userAgent: z.string().nullable(),
  createdAt: z.string(),
  lastSeenAt: z.string(),
  expiresAt: z.string(),
})
export const OwnSessionPage = pageOf(OwnSessionAnswer)
