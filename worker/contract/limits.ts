// Limits of request bodies and fields, shared by the zod schemas here and by the forms of the UI.
export const HTTP_LIMITS = {
  /** bytes of a JSON body */
  jsonBody: 1_000_000,
  /** bytes of one uploaded attachment of a reply */
  upload: 25 * 1024 * 1024,
  /** bytes of all attachments of one reply together: most mail servers refuse more than 35 MB encoded */
  replyAttachments: 25 * 1024 * 1024,
  /** bytes of a mail given to the preview */
  preview: 120 * 1024 * 1024,
  name: 200,
  email: 254,
  password: { min: 10, max: 256 },
  subject: 998,
  search: 200,
  replyText: 200_000,
  replyHtml: 800_000,
  recipients: 50,
  tags: 20,
  tag: 40,
  page: { default: 50, max: 100 },
} as const
