// What clients send in: messages as JSON or as MIME in base64, and Graph's refusals of what it does not take.
import type { SimRequest, SimResponse } from '../shell/http.ts'
import { jsonBody } from './graph-access.ts'
import type { Address, File, Mail } from './graph-compose.ts'
import { badRequest, graphError } from './graph-error.ts'

type Json = Record<string, unknown>

/** Bytes a request may have; and an attachment in one POST, from which on only upload sessions are taken. */
const MAX_REQUEST = 4 * 1024 * 1024
export const MAX_SINGLE_ATTACHMENT = 3 * 1024 * 1024

/** Graph's 413, or null. */
export const tooLarge = (request: SimRequest): SimResponse | null =>
  request.body.length <= MAX_REQUEST
    ? null
    : graphError(413, 'RequestEntityTooLarge', 'The request body is larger than the maximum of 4 MB.')

export const isMime = ({ headers }: SimRequest): boolean => /^text\/plain\b/i.test(headers['content-type'] ?? '')

/** The mail of a text/plain request, which is base64 of MIME. */
export function mimeBody({ body }: SimRequest): Buffer | SimResponse {
  const text = body.toString('latin1').replace(/\s+/g, '')
  if (text === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(text) || text.length % 4 !== 0) {
    return badRequest('ErrorMimeContentInvalidBase64String', 'Invalid base64 string for MIME content.')
  }
  return Buffer.from(text, 'base64')
}

/** The parts of a mail that a message resource names; those it does not name stay undefined. */
export function mailOf(json: Json): Partial<Mail> | SimResponse {
  const fields: [string, string][] = []
  for (const header of listOf(json.internetMessageHeaders)) {
    const [name, value] = [String(header.name ?? ''), String(header.value ?? '')]
    if (!/^x-[\w-]+$/i.test(name)) {
      const message = `The internet message header name '${name}' should start with 'x-' or 'X-'.`
      return badRequest('InvalidInternetMessageHeader', message)
    }
    fields.push([name, value])
  }
  const attachments: File[] = []
  for (const attachment of listOf(json.attachments)) {
    const file = fileOf(attachment)
    if ('status' in file) return file
    attachments.push(file)
  }
  const body = objectOf(json.body)
  const mail: Partial<Mail> = {
    from: addressOf(json.from),
    sender: addressOf(json.sender),
    to: json.toRecipients === undefined ? undefined : addressesOf(json.toRecipients),
    cc: json.ccRecipients === undefined ? undefined : addressesOf(json.ccRecipients),
    bcc: json.bccRecipients === undefined ? undefined : addressesOf(json.bccRecipients),
    replyTo: json.replyTo === undefined ? undefined : addressesOf(json.replyTo),
    subject: typeof json.subject === 'string' ? json.subject : undefined,
    body: body && {
      html: String(body.contentType ?? 'text').toLowerCase() === 'html',
      content: String(body.content ?? ''),
    },
    messageId: typeof json.internetMessageId === 'string' ? json.internetMessageId : undefined,
    fields,
    attachments,
  }
  return Object.fromEntries(Object.entries(mail).filter(([, value]) => value !== undefined))
}

/** A fileAttachment's bytes. Mails and links are not taken here. */
export function fileOf(json: Json): File | SimResponse {
  const type = String(json['@odata.type'] ?? '')
  if (!/^#?microsoft\.graph\.fileAttachment$/i.test(type) || typeof json.contentBytes !== 'string') {
    return badRequest('ErrorInvalidRequest', `Attachments of type '${type}' are not taken; contentBytes is needed.`)
  }
  const bytes = Buffer.from(json.contentBytes, 'base64')
  if (bytes.length >= MAX_SINGLE_ATTACHMENT) {
    return graphError(
      413,
      'ErrorMessageSizeExceeded',
      'The attachment is too large; use an upload session from 3 MB on.',
    )
  }
  return {
    name: String(json.name ?? 'attachment'),
    type: String(json.contentType ?? 'application/octet-stream'),
    bytes,
    contentId: typeof json.contentId === 'string' ? json.contentId : null,
    inline: json.isInline === true,
  }
}

/** A parameter that holds an object, or {}. */
export const objectParameter = (request: SimRequest, name: string): Json =>
  objectOf(Object.entries(jsonBody(request)).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1]) ?? {}

const objectOf = (value: unknown): Json | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined

const listOf = (value: unknown): Json[] =>
  Array.isArray(value) ? value.flatMap((one): Json[] => [objectOf(one) ?? {}]) : []

const addressesOf = (value: unknown): Address[] => listOf(value).flatMap((one) => addressOf(one) ?? [])

function addressOf(value: unknown): Address | undefined {
  const email = objectOf(objectOf(value)?.emailAddress)
  return typeof email?.address === 'string'
    ? { name: typeof email.name === 'string' ? email.name : '', address: email.address.trim() }
    : undefined
}
