// The one permission table: which role may do what. Routes name a permission, never a role; the UI hides what the session lacks.
export const ROLES = ['owner', 'admin', 'agent'] as const
export type Role = (typeof ROLES)[number]

export const PERMISSIONS = {
  'tickets:read': ['owner', 'admin', 'agent'],
  'tickets:write': ['owner', 'admin', 'agent'],
  'users:read': ['owner', 'admin', 'agent'],
  'users:invite': ['owner', 'admin'],
  'users:manage': ['owner', 'admin'],
  'inboxes:read': ['owner', 'admin', 'agent'],
  'inboxes:manage': ['owner', 'admin'],
  'microsoft:manage': ['owner', 'admin'],
  'ledger:read': ['owner', 'admin'],
  'ledger:write': ['owner', 'admin'],
  'session:own': ['owner', 'admin', 'agent'],
} as const satisfies Record<string, readonly Role[]>
export type Permission = keyof typeof PERMISSIONS

/** Whether the role holds the permission. */
export function may(role: Role, permission: Permission): boolean {
  return (PERMISSIONS[permission] as readonly Role[]).includes(role)
}
