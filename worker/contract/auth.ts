// Bodies of setup, sign-in, invitations, users and the operator's routes.
import { z } from 'zod'
import { Email, Name } from './http'
import { HTTP_LIMITS } from './limits'
import { ROLES } from './permissions'

const Password = z.string().min(HTTP_LIMITS.password.min).max(HTTP_LIMITS.password.max)

export const SetupBody = z.object({ tenantName: Name, name: Name, email: Email, password: Password })
export const SignInBody = z.object({ email: Email, password: z.string().min(1).max(HTTP_LIMITS.password.max) })
export const InviteBody = z.object({ email: Email, role: z.enum(ROLES) })
export const AcceptInviteBody = z.object({ token: z.string().min(20).max(200), name: Name, password: Password })
export const OperatorTenantBody = z.object({ tenantName: Name, ownerEmail: Email, plan: z.string().max(40).optional() })
export const OperatorPlanBody = z.object({ plan: z.string().min(1).max(40) })

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
