// Routes of attachments: upload for a reply, download, fetch again.
import { Hono } from 'hono'
import { HTTP_LIMITS } from '../../contract/limits'
import { AttachmentAnswer, DownloadQuery, UploadAnswer, UploadQuery } from '../../contract/tickets'
import type { AppEnv } from '../../platform/http/context'
import { access, answers, query, raw, sessionOf } from '../../platform/http/route'
import { fetchAttachment, openAttachment, storeUpload, tooLarge } from './attachments'

export const attachmentRoutes = new Hono<AppEnv>()
  .post(
    '/attachments',
    access('tickets:write', 'Upload a file for a reply; it expires after a day unless it is used'),
    query(UploadQuery),
    raw('application/octet-stream', HTTP_LIMITS.upload),
    answers(201, UploadAnswer),
    async (c) => {
      // Refused before the bytes are read, where the length is told; counted while they are read in any case.
      if (Number(c.req.header('content-length') ?? 0) > HTTP_LIMITS.upload) throw tooLarge()
      const upload = {
        filename: c.req.valid('query').filename,
        contentType: c.req.header('content-type'),
        body: c.req.raw.body,
        userId: sessionOf(c).userId,
      }
      return c.json(await storeUpload({ db: c.get('db'), blobs: c.env.BLOBS }, upload, c.get('clock')()), 201)
    },
  )
  .get(
    '/attachments/:id',
    access('tickets:read', 'The bytes of an attachment; ranges are served'),
    query(DownloadQuery),
    answers(200, null, 'application/octet-stream'),
    async (c) =>
      openAttachment({ db: c.get('db'), blobs: c.env.BLOBS }, c.req.param('id'), {
        inline: c.req.valid('query').inline === '1',
        range: c.req.header('range'),
        ifNoneMatch: c.req.header('if-none-match'),
        ifRange: c.req.header('if-range'),
      }),
  )
  .post(
    '/attachments/:id/fetch',
    access('tickets:write', 'Store a skipped or failed attachment now'),
    answers(202, AttachmentAnswer),
    async (c) =>
      c.json(await fetchAttachment({ db: c.get('db'), jobs: c.get('jobs') }, c.req.param('id'), c.get('clock')()), 202),
  )
