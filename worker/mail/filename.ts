// Names of attachments: safe for every file system and header, never empty, with an extension that fits. Pure.
import { cleanLine } from './headers'
import { LIMITS } from './limits'

const EXTENSIONS: Record<string, string> = {
  'application/gzip': 'gz',
  'application/javascript': 'js',
  'application/json': 'json',
  'application/msword': 'doc',
  'application/pdf': 'pdf',
  'application/pgp-signature': 'asc',
  'application/pkcs7-mime': 'p7m',
  'application/pkcs7-signature': 'p7s',
  'application/postscript': 'ps',
  'application/rtf': 'rtf',
  'application/vnd.ms-excel': 'xls',
  'application/vnd.ms-outlook': 'msg',
  'application/vnd.ms-powerpoint': 'ppt',
  'application/vnd.oasis.opendocument.spreadsheet': 'ods',
  'application/vnd.oasis.opendocument.text': 'odt',
  'application/vnd.openxmlformats-officedocument.presentationml.presentation': 'pptx',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': 'xlsx',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': 'docx',
  'application/xml': 'xml',
  'application/zip': 'zip',
  'audio/mp4': 'm4a',
  'audio/mpeg': 'mp3',
  'audio/ogg': 'ogg',
  'audio/wav': 'wav',
  'image/bmp': 'bmp',
  'image/gif': 'gif',
  'image/heic': 'heic',
  'image/jpeg': 'jpg',
  'image/png': 'png',
  'image/svg+xml': 'svg',
  'image/tiff': 'tif',
  'image/webp': 'webp',
  'text/calendar': 'ics',
  'text/css': 'css',
  'text/csv': 'csv',
  'text/html': 'html',
  'text/markdown': 'md',
  'text/plain': 'txt',
  'text/vcard': 'vcf',
  'video/mp4': 'mp4',
  'video/mpeg': 'mpg',
  'video/quicktime': 'mov',
  'video/webm': 'webm',
}

/** Further names of types above. */
const ALIASES: Record<string, string> = {
  'application/pgp-encrypted': 'asc',
  'application/pgp-keys': 'asc',
  'application/x-pkcs7-mime': 'p7m',
  'application/x-pkcs7-signature': 'p7s',
  'application/x-zip-compressed': 'zip',
  'audio/x-wav': 'wav',
  'image/jpg': 'jpg',
  'image/pjpeg': 'jpg',
  'text/directory': 'vcf',
  'text/x-vcard': 'vcf',
  'text/xml': 'xml',
  'text/rtf': 'rtf',
}

/** Names that say what the part is, where its type alone decides. */
const FIXED: Record<string, string> = {
  'application/ms-tnef': 'winmail.dat',
  'application/vnd.ms-tnef': 'winmail.dat',
  'application/pgp-signature': 'signature.asc',
  'application/pgp-encrypted': 'encrypted.asc',
  'application/pkcs7-signature': 'smime.p7s',
  'application/x-pkcs7-signature': 'smime.p7s',
  'application/pkcs7-mime': 'smime.p7m',
  'application/x-pkcs7-mime': 'smime.p7m',
  'text/calendar': 'invite.ics',
  'text/rfc822-headers': 'headers.txt',
  'message/delivery-status': 'delivery-status.txt',
  'message/global-delivery-status': 'delivery-status.txt',
  'message/disposition-notification': 'disposition-notification.txt',
  'message/feedback-report': 'feedback-report.txt',
}

/** The usual extension of a media type without its dot; null where none is usual. */
function extensionOf(contentType: string): string | null {
  if (/^message\/(?:rfc822|global|news)$/.test(contentType)) return 'eml'
  const known = EXTENSIONS[contentType] ?? ALIASES[contentType]
  return known ?? (/^(?:text|message)\//.test(contentType) ? 'txt' : null)
}

/** The media type of a name's extension; 'application/octet-stream' where it says nothing. */
export function typeOfName(name: string): string {
  const extension = /\.([a-z0-9]{1,5})$/i.exec(name)?.[1]?.toLowerCase() ?? ''
  const known = Object.entries(EXTENSIONS).find(
    ([, one]) => one === extension || (extension === 'jpeg' && one === 'jpg'),
  )
  return known?.[0] ?? 'application/octet-stream'
}

/**
 * A given name made safe: a path keeps its last segment, separators within a title become "_", control and direction-changing
 * characters go ("gpj.exe" must not show as "exe.jpg"), at most LIMITS.filenameChars with the extension kept. '' where nothing is left.
 */
export function safeFilename(given: string): string {
  const isPath = /^(?:[a-z]:[\\/]|[\\/]|\.{1,2}[\\/]|file:)/i.test(given) || given.includes('..')
  const name = cleanLine((isPath ? given.split(/[\\/]/).at(-1) : given) ?? '')
    .replace(/[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g, '')
    .replace(/:\s+/g, ' ')
    .replaceAll(':', '-')
    .replace(/[\\/*?"<>|]+/g, '_')
    .replace(/\s+/g, ' ')
    // The lookbehind lets one search begin in a run of dots; without it each dot begins one, which takes minutes for half a million.
    .replace(/^[.\s]+|(?<![.\s])[.\s]+$/g, '')
    .toWellFormed()
  if (name.length <= LIMITS.filenameChars) return name
  const extension = /\.[^.\s]{1,10}$/.exec(name)?.[0] ?? ''
  return `${name.slice(0, LIMITS.filenameChars - extension.length).trim()}${extension}`.toWellFormed()
}

/** Hands out names for one message: made-up names that would be equal are told apart by a number. */
export class AttachmentNames {
  private readonly madeUp = new Map<string, number>()

  /** `subject`: of an embedded message, null for all else. */
  name(given: string | null, contentType: string, subject: string | null): string {
    const safe = safeFilename(given ?? '')
    const extension = extensionOf(contentType)
    if (safe !== '') return extension === 'eml' && !/\.\w{1,5}$/.test(safe) ? `${safe}.eml` : safe
    const fixed = FIXED[contentType]
    if (fixed) return fixed
    const title = safeFilename((subject ?? '').slice(0, LIMITS.filenameChars - 4))
    if (title !== '') return `${title}.eml`
    const base = extension === 'eml' ? 'message' : 'attachment'
    const name = `${base}.${extension ?? 'bin'}`
    const count = (this.madeUp.get(name) ?? 0) + 1
    this.madeUp.set(name, count)
    return count === 1 ? name : `${base}-${count}.${extension ?? 'bin'}`
  }
}
