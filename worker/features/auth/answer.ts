// The session as the UI sees it: who, where, and what they may do.
import type { SessionAnswer } from '../../contract/auth'
import { may, PERMISSIONS, type Permission } from '../../contract/permissions'
import { resolveEntitlements } from '../../entitlements/resolve'
import type { Session } from '../../platform/http/context'

/** The answer of setup, sign-in, accepting an invitation and GET session. */
export function sessionAnswer(
  session: Pick<Session, 'userId' | 'userName' | 'userEmail' | 'tenantId' | 'tenantName' | 'plan' | 'role'>,
  modules: readonly string[],
): SessionAnswer {
  const { features, limits } = resolveEntitlements(session.plan, modules)
  return {
    user: { id: session.userId, name: session.userName, email: session.userEmail },
    tenant: { id: session.tenantId, name: session.tenantName },
    role: session.role,
    capabilities: [...features],
    limits,
    permissions: (Object.keys(PERMISSIONS) as Permission[]).filter((permission) => may(session.role, permission)),
  }
}
