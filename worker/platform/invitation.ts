// The secret part of an invitation: minted by the auth slice for users and by the tenants slice for a new tenant's owner.
import { newId, newToken, sha256Hex } from './ids'

const TTL = 7 * 86_400_000

/**
 * A new invitation: what is stored, and the link to hand over. The token travels in the fragment, which browsers send to no server,
 * so it appears in no access log.
 */
export async function mintInvitation(appUrl: string, now: number) {
  const token = newToken()
  return {
    id: newId('inv', now),
    tokenHash: await sha256Hex(token),
    createdAt: now,
    expiresAt: now + TTL,
    url: `${appUrl}/accept-invite#token=${token}`,
  }
}
