// A file that a mail only points at: it lies in a cloud storage of its sender's, and the MIME does not have it. Pure.
import { z } from 'zod'
import { LIMITS } from './limits'

export const CloudLink = z.object({
  /** as safeFilename makes them, never empty */
  name: z.string().min(1).max(LIMITS.filenameChars),
  /** type/subtype; null where the provider does not say */
  contentType: z.string().max(LIMITS.filenameChars).nullable(),
  /** bytes, as far as the provider knows; not to be trusted */
  size: z.number().int().nonnegative().nullable(),
})
export type CloudLink = z.infer<typeof CloudLink>
