// Routes of single messages: their HTML with remote pictures, the original, and sending again. (The preview is ingest's.)
import { Hono } from 'hono'
import { MessageAnswer, MessageHtmlAnswer, MessageHtmlQuery } from '../../contract/tickets'
import { AppError } from '../../platform/errors'
import type { AppEnv } from '../../platform/http/context'
import { access, answers, query } from '../../platform/http/route'
import { messageDetail, readMessage } from './detail'
import { retryMessage } from './retry'
import { storedObject } from './stored-object'

export const messageRoutes = new Hono<AppEnv>()
  .get(
    '/messages/:id/html',
    access('tickets:read', "A message's HTML, on request with its remote pictures"),
    query(MessageHtmlQuery),
    answers(200, MessageHtmlAnswer),
    async (c) => {
      const deps = { db: c.get('db'), blobs: c.env.BLOBS }
      const { html, blockedRemote } = await messageDetail(
        deps,
        c.req.param('id'),
        c.req.valid('query').images === 'remote',
      )
      return c.json({ html, blockedRemote })
    },
  )
  .get(
    '/messages/:id/original',
    access('tickets:read', 'The mail as it came or went, byte for byte'),
    answers(200, null, 'message/rfc822'),
    async (c) => {
      const message = await readMessage(c.get('db'), c.req.param('id'))
      if (message.rawKey === null) throw new AppError('not_found', { detail: 'There is no original of this message.' })
      return storedObject(
        c.env.BLOBS,
        {
          key: message.rawKey,
          filename: `${message.subject.slice(0, 80) || 'message'}.eml`,
          contentType: 'message/rfc822',
          disposition: 'attachment',
        },
        {
          range: c.req.header('range'),
          ifNoneMatch: c.req.header('if-none-match'),
          ifRange: c.req.header('if-range'),
        },
      )
    },
  )
  .post(
    '/messages/:id/retry',
    access('tickets:write', 'Send a failed message again, under the same Message-ID'),
    answers(202, MessageAnswer),
    async (c) => {
      await retryMessage({ db: c.get('db'), jobs: c.get('jobs') }, c.req.param('id'), c.get('clock')())
      return c.json(await messageDetail({ db: c.get('db'), blobs: c.env.BLOBS }, c.req.param('id')), 202)
    },
  )
