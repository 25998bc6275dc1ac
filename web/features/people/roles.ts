// Roles in words.
import type { Role } from '../../../worker/contract/permissions'

export const ROLE_LABEL: Record<Role, string> = { owner: 'Owner', admin: 'Admin', agent: 'Agent' }
export const ROLE_MEANING: Record<Role, string> = {
  owner: 'Everything, including other owners',
  admin: 'Tickets, inboxes and people',
  agent: 'Tickets',
}
