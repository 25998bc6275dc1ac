// Shapes of HTTP bodies shared by more than one slice. A slice's own bodies are in contract/<slice>.ts.
import { z } from 'zod'
import { HTTP_LIMITS } from './limits'

export const Email = z.string().trim().toLowerCase().max(HTTP_LIMITS.email).pipe(z.email())
export const Name = z.string().trim().min(1).max(HTTP_LIMITS.name)

/** RFC 9457 problem details. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number(),
  detail: z.string().optional(),
  code: z.string(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
})
export type Problem = z.infer<typeof Problem>

export const PageQuery = z.object({
  cursor: z.string().max(500).optional(),
  limit: z.coerce.number().int().min(1).max(HTTP_LIMITS.page.max).default(HTTP_LIMITS.page.default),
})

export const Address = z.object({ name: z.string(), email: z.string() })
export type Address = z.infer<typeof Address>

/** A list answer. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() })
}
