// Routes of tickets: lists, one ticket, its changes, and what agents write on it.
import { type Context, Hono } from 'hono'
import {
  MessageAnswer,
  NewTicketBody,
  NoteBody,
  ReplyBody,
  TicketAnswer,
  TicketCounts,
  TicketDetailQuery,
  TicketItem,
  TicketListQuery,
  TicketPage,
  UpdateTicketBody,
} from '../../contract/tickets'
import type { AppEnv } from '../../platform/http/context'
import { access, answers, json, query, sessionOf } from '../../platform/http/route'
import { sha256Hex } from '../../platform/ids'
import { matchesEtag } from './byte-range'
import { messageDetail, ticketDetail } from './detail'
import { countTickets, listTickets } from './list'
import { updateTicket } from './update'
import { type WriteDeps, writeNewTicket, writeNote, writeReply } from './write-message'

export const ticketRoutes = new Hono<AppEnv>()
  .get(
    '/tickets',
    access('tickets:read', 'Tickets by filter and search, newest activity first; ETag for cheap polling'),
    query(TicketListQuery),
    answers(200, TicketPage),
    async (c) => {
      const page = await listTickets(c.get('db'), sessionOf(c).userId, c.req.valid('query'))
      const etag = `W/"${(await sha256Hex(JSON.stringify(page))).slice(0, 32)}"`
      c.header('etag', etag)
      c.header('cache-control', 'private, no-cache')
      return matchesEtag(c.req.header('if-none-match'), etag) ? c.body(null, 304) : c.json(page)
    },
  )
  .get('/tickets/counts', access('tickets:read', 'Numbers of the sidebar'), answers(200, TicketCounts), async (c) =>
    c.json(await countTickets(c.get('db'), sessionOf(c).userId)),
  )
  .post(
    '/tickets',
    access('tickets:write', 'Start a conversation: a ticket whose first message is ours'),
    json(NewTicketBody),
    answers(201, TicketAnswer),
    async (c) => {
      const id = await writeNewTicket(writeDeps(c), sessionOf(c), c.req.valid('json'))
      return c.json(await ticketDetail(readDeps(c), id, {}), 201)
    },
  )
  .get(
    '/tickets/:id',
    access('tickets:read', 'A ticket with its conversation'),
    query(TicketDetailQuery),
    answers(200, TicketAnswer),
    async (c) => c.json(await ticketDetail(readDeps(c), c.req.param('id'), c.req.valid('query'))),
  )
  .patch(
    '/tickets/:id',
    access('tickets:write', 'Change subject, status, priority, assignee or tags'),
    json(UpdateTicketBody),
    answers(200, TicketItem),
    async (c) => c.json(await updateTicket(c.get('db'), c.req.param('id'), c.req.valid('json'), c.get('clock')())),
  )
  .post(
    '/tickets/:id/replies',
    access('tickets:write', 'Queue a reply; an Idempotency-Key header makes a second click harmless'),
    json(ReplyBody),
    answers(202, MessageAnswer),
    async (c) => {
      const key = c.req.header('idempotency-key')?.slice(0, 200)
      const id = await writeReply(writeDeps(c), sessionOf(c), c.req.param('id'), c.req.valid('json'), key)
      return c.json(await messageDetail(readDeps(c), id), 202)
    },
  )
  .post(
    '/tickets/:id/notes',
    access('tickets:write', 'Write a note for the team'),
    json(NoteBody),
    answers(201, MessageAnswer),
    async (c) => {
      const id = await writeNote(writeDeps(c), sessionOf(c), c.req.param('id'), c.req.valid('json').text)
      return c.json(await messageDetail(readDeps(c), id), 201)
    },
  )

const readDeps = (c: Context<AppEnv>) => ({ db: c.get('db'), blobs: c.env.BLOBS })

function writeDeps(c: Context<AppEnv>): WriteDeps {
  return { ...readDeps(c), jobs: c.get('jobs'), now: c.get('clock')(), secret: c.get('settings').AUTH_SECRET }
}
