// Answers a stored object: whole or in part, with the headers that keep a hostile file from running in our origin.
import { AppError } from '../../platform/errors'
import { contentDisposition, matchesEtag, parseRange } from './byte-range'

export type StoredFile = { key: string; filename: string; contentType: string; disposition: 'attachment' | 'inline' }
/** The request's headers that change the answer. */
export type Conditions = { range: string | undefined; ifNoneMatch: string | undefined; ifRange: string | undefined }

/** 200, 206, 304 or 416. AppError('not_found') where the object is gone. */
export async function storedObject(blobs: R2Bucket, file: StoredFile, asked: Conditions): Promise<Response> {
  const head = await blobs.head(file.key)
  if (!head) throw new AppError('not_found', { detail: 'The file is no longer in the store.' })
  const headers = new Headers({
    etag: head.httpEtag,
    'accept-ranges': 'bytes',
    'cache-control': 'private, no-cache',
    'content-type': file.contentType,
    'content-disposition': contentDisposition(file.disposition, file.filename),
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'cross-origin-resource-policy': 'same-origin',
  })
  if (matchesEtag(asked.ifNoneMatch, head.httpEtag)) return new Response(null, { status: 304, headers })
  const wanted = asked.ifRange === undefined || asked.ifRange === head.httpEtag ? asked.range : undefined
  const range = parseRange(wanted, head.size)
  if (range === 'unsatisfiable') {
    headers.set('content-range', `bytes */${head.size}`)
    return new Response(null, { status: 416, headers })
  }
  const length = range ? range.end - range.start : head.size
  const object = await blobs.get(file.key, range ? { range: { offset: range.start, length } } : {})
  if (!object) throw new AppError('not_found', { detail: 'The file is no longer in the store.' })
  headers.set('content-length', String(length))
  if (range) headers.set('content-range', `bytes ${range.start}-${range.end - 1}/${head.size}`)
  return new Response(object.body, { status: range ? 206 : 200, headers })
}
