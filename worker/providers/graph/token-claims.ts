// Pure: what an access token says it allows. Read to explain, never to decide who somebody is: nobody checks its signature here.
import { z } from 'zod'
import type { GraphMailbox } from './client'

const Claims = z.object({
  /** delegated permissions, separated by spaces */
  scp: z.string().catch(''),
  /** application permissions */
  roles: z.array(z.string()).catch([]),
  tid: z
    .string()
    .regex(/^[\w-]{1,64}$/)
    .nullable()
    .catch(null),
})
export type Claims = z.infer<typeof Claims>

/** The claims of a token that is a JWT; null for any other, whose inside is nobody's business. */
export function claimsOf(token: string): Claims | null {
  const [, payload, , rest] = token.split('.')
  if (payload === undefined || rest !== undefined) return null
  try {
    const parsed = Claims.safeParse(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}

/** Names of permissions, as Microsoft writes them. */
export function permissionsOf({ scp, roles }: Claims): string[] {
  return [...scp.split(' '), ...roles].filter((name) => /^[A-Za-z][\w.]{0,60}$/.test(name))
}

/** Each line is met by any of its permissions. */
const NEEDED: Record<GraphMailbox['kind'], string[][]> = {
  own: [['Mail.Read', 'Mail.ReadWrite'], ['Mail.Send']],
  shared: [['Mail.Read.Shared', 'Mail.ReadWrite.Shared'], ['Mail.Send.Shared']],
  app: [['Mail.Read', 'Mail.ReadWrite'], ['Mail.Send']],
}

/** What a mailbox of this kind cannot do without, and was not granted. */
export function lackingPermissions(claims: Claims, kind: GraphMailbox['kind']): string[] {
  const granted = new Set(permissionsOf(claims))
  return NEEDED[kind].filter((any) => !any.some((name) => granted.has(name))).map(([name = '']) => name)
}

/** The permission to write mail: drafts, so that it can be sent in pieces, and marks. */
export const writePermission = (kind: GraphMailbox['kind']) =>
  kind === 'shared' ? 'Mail.ReadWrite.Shared' : 'Mail.ReadWrite'

/** Whether mail may be written. */
export function mayWrite(claims: Claims, kind: GraphMailbox['kind']): boolean {
  return permissionsOf(claims).includes(writePermission(kind))
}
