// Pure: what of Graph's answers is read.
import { z } from 'zod'

const Id = z.string().regex(/^[\x21-\x7e]{1,512}$/)
const Time = z.string().transform((text, context) => {
  const ms = Date.parse(text)
  if (!Number.isNaN(ms)) return ms
  context.addIssue({ code: 'custom', message: 'not a time' })
  return z.NEVER
})
const Link = z.string().max(16_384)

export const User = z.object({
  mail: z.string().nullish(),
  userPrincipalName: z.string().nullish(),
})
export const Folder = z.object({ id: Id, displayName: z.string().nullish(), totalItemCount: z.number().nullish() })

export const FolderList = z.object({ value: z.array(Folder), '@odata.nextLink': Link.optional() })

/** What of a message can be marked. */
export const Marks = z.object({
  categories: z.array(z.string()).nullish(),
  parentFolderId: z.string().nullish(),
})

/** A message of a listing or a delta. */
const Listed = z.object({
  id: Id,
  conversationId: z.string().max(512).nullish(),
  receivedDateTime: Time.nullish(),
  isDraft: z.boolean().nullish(),
  '@removed': z.unknown().optional(),
})
export const MessagePage = z.object({
  value: z.array(Listed),
  '@odata.nextLink': Link.optional(),
  '@odata.deltaLink': Link.optional(),
})
export type MessagePage = z.infer<typeof MessagePage>

export const Message = z.object({
  id: Id,
  conversationId: z.string().max(512).nullish(),
  internetMessageId: z.string().max(2_000).nullish(),
  isDraft: z.boolean().nullish(),
})
export type Message = z.infer<typeof Message>
export const MessageList = z.object({ value: z.array(Message) })
export const Arrival = z.object({ receivedDateTime: Time.nullish() })
export const UploadSession = z.object({ uploadUrl: z.string().max(16_384) })

export const Subscription = z.object({
  id: z.string().min(1).max(256),
  expirationDateTime: Time,
  notificationUrl: z.string().nullish(),
  resource: z.string().nullish(),
})
export const SubscriptionList = z.object({ value: z.array(Subscription), '@odata.nextLink': Link.optional() })
