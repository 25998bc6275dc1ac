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
  hasAttachments: z.boolean().nullish(),
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
export const Arrival = z.object({ receivedDateTime: Time.nullish(), hasAttachments: z.boolean().nullish() })

/** What all kinds of attachments have. One that is odd must not cost its neighbours. */
const Attachment = z.object({
  '@odata.type': z.string().catch(''),
  name: z.string().catch(''),
  contentType: z
    .string()
    .max(127)
    .regex(/^[\w.+-]+\/[\w.+-]+$/)
    .nullable()
    .catch(null),
  size: z.number().int().nonnegative().nullable().catch(null),
})
export type Attachment = z.infer<typeof Attachment>
export const AttachmentPage = z.object({ value: z.array(Attachment), '@odata.nextLink': Link.optional() })
export type AttachmentPage = z.infer<typeof AttachmentPage>
export const UploadSession = z.object({ uploadUrl: z.string().max(16_384) })

export const Subscription = z.object({
  id: z.string().min(1).max(256),
  expirationDateTime: Time,
  notificationUrl: z.string().nullish(),
  resource: z.string().nullish(),
})
export type Subscription = z.infer<typeof Subscription>
export const SubscriptionList = z.object({ value: z.array(Subscription), '@odata.nextLink': Link.optional() })
export type SubscriptionList = z.infer<typeof SubscriptionList>
