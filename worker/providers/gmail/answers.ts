// Pure: what of Gmail's answers is read. 64-bit numbers are decimal strings throughout: past 2^53 a Number is another number.
import { z } from 'zod'

const Id = z.string().regex(/^[\w-]{1,64}$/)
/** uint64 in decimal. A JSON number is taken only where it is exact. */
export const HistoryId = z
  .union([z.string(), z.int().nonnegative().transform(String)])
  .pipe(z.string().regex(/^\d{1,20}$/))
const Millis = z.union([z.string().regex(/^\d{1,15}$/), z.int().nonnegative()]).transform(Number)
const PageToken = z
  .string()
  .max(2_000)
  .optional()
  .transform((token) => token || null)

export const Profile = z.object({
  emailAddress: z.string(),
  historyId: HistoryId,
  messagesTotal: z.number().optional(),
})
export const MessageList = z.object({
  messages: z.array(z.object({ id: Id, threadId: Id })).default([]),
  nextPageToken: PageToken,
})
export const History = z.object({
  history: z
    .array(
      z.object({
        messagesAdded: z
          .array(z.object({ message: z.object({ id: Id, threadId: Id, labelIds: z.array(z.string()).default([]) }) }))
          .default([]),
      }),
    )
    .default([]),
  nextPageToken: PageToken,
  historyId: HistoryId,
})
export const Message = z.object({
  id: Id,
  threadId: Id.optional(),
  labelIds: z.array(z.string()).optional(),
  internalDate: Millis.optional(),
})
export type Message = z.infer<typeof Message>
export const MessageHeaders = z.object({
  payload: z.object({ headers: z.array(z.object({ name: z.string(), value: z.string() })) }),
})
export const Watch = z.object({ expiration: Millis })
export const SendAsList = z.object({ sendAs: z.array(z.object({ sendAsEmail: z.string() })).default([]) })
