// What would become of a mail, without writing a row: the same reading, facts and planning as the real way, over any bytes.
import { HTTP_LIMITS } from '../contract/limits'
import type { PreviewAnswer } from '../contract/preview'
import { indexStream } from '../mail/mime-index'
import { parseBytes, parseMail } from '../mail/parse'
import { sanitizeHtml } from '../mail/sanitize'
import type { ParsedMail } from '../mail/types'
import { blobSource, storeStream } from '../platform/blob-stream'
import { previewKey } from '../platform/blobs'
import { iso } from '../platform/clock'
import type { TenantDb } from '../platform/db'
import { AppError } from '../platform/errors'
import { type NewId, sha256Hex } from '../platform/ids'
import { DISPOSITION, reasonOf } from './apply-rows'
import { gatherFacts } from './facts'
import type { MailItem } from './mail-item'
import { planMail } from './plan'
import { hintsOf } from './read-mail'

/** A larger mail is set down in R2 while it is read. Bytes. */
const IN_MEMORY = 4 * 1024 * 1024

type Deps = { db: TenantDb; blobs: R2Bucket; newId: NewId; authSecret: string }

/** Reads and plans one mail. AppError('body_too_large') over HTTP_LIMITS.preview, ('not_found') for an unknown inbox. */
export async function previewMail(
  deps: Deps,
  inboxId: string | null,
  body: ReadableStream<Uint8Array>,
): Promise<PreviewAnswer> {
  if (inboxId !== null) await requireInbox(deps.db, inboxId)
  const { mail, digest } = await readBody(deps, body)
  const hints = await hintsOf(deps.authSecret, deps.db.tenantId, mail)
  const item: MailItem = {
    ledgerId: '',
    digest,
    receivedAt: null,
    released: false,
    providerThread: hints.providerThreadId,
    role: null,
    mail,
    hints,
  }
  const plan = planMail(item, await gatherFacts(deps.db, inboxId, [item]), inboxId)
  return {
    message: {
      subject: mail.subject,
      from: mail.from,
      to: mail.to,
      cc: mail.cc,
      date: iso(mail.date),
      messageId: mail.messageId,
      inReplyTo: mail.inReplyTo[0] ?? null,
      references: mail.references,
      text: mail.text,
      fullText: mail.fullText,
      html: mail.html === null ? null : sanitizeHtml(mail.html, { allowRemote: false, cid: () => null }).html,
      attachments: mail.attachments.map(({ filename, contentType, size, contentId, inline, decision }) => ({
        ...{ filename, contentType, size, contentId, inline, decision },
      })),
    },
    plan: {
      disposition: DISPOSITION[plan.kind],
      reason: plan.kind === 'reply' ? null : reasonOf(plan),
      matchedBy: plan.kind === 'reply' ? plan.matchedBy : null,
      ticketId: plan.kind === 'reply' ? plan.ticket.id : plan.kind === 'duplicate' ? plan.ticketId : null,
      automated: { is: mail.automated.automated, rule: mail.automated.rule },
      evidence: plan.evidence,
    },
    warnings: mail.warnings,
  }
}

async function requireInbox(db: TenantDb, inboxId: string): Promise<void> {
  const row = await db.prepare('SELECT id FROM inboxes WHERE tenant_id = ?1 AND id = ?2', inboxId).first()
  if (!row) throw new AppError('not_found', { detail: 'There is no such inbox.' })
}

async function readBody(deps: Deps, body: ReadableStream<Uint8Array>): Promise<{ mail: ParsedMail; digest: string }> {
  const reader = body.getReader()
  const head: Uint8Array[] = []
  let size = 0
  while (size <= IN_MEMORY) {
    const { done, value } = await reader.read()
    if (done) {
      const bytes = new Uint8Array(await new Blob(head).arrayBuffer())
      return { mail: await parseBytes(bytes), digest: await sha256Hex(bytes) }
    }
    head.push(value)
    size += value.length
  }
  return readLarge(deps, resumed(head, reader))
}

async function readLarge(
  { db, blobs, newId }: Deps,
  stream: ReadableStream<Uint8Array>,
): Promise<{ mail: ParsedMail; digest: string }> {
  const key = previewKey(db.tenantId, newId('job'))
  try {
    const { size, sha256 } = await storeStream(blobs, key, stream, HTTP_LIMITS.preview)
    const source = blobSource(blobs, key, size)
    return { mail: await parseMail(await indexStream(await source.range(0, size)), source), digest: sha256 }
  } finally {
    await blobs.delete(key)
  }
}

/** What was read already, then the rest, up to the limit. */
function resumed(head: Uint8Array[], reader: ReadableStreamDefaultReader<Uint8Array>): ReadableStream<Uint8Array> {
  let size = 0
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const chunk = head.shift() ?? (await reader.read()).value
      if (!chunk) return controller.close()
      size += chunk.length
      if (size > HTTP_LIMITS.preview) {
        await reader.cancel().catch(() => {})
        return controller.error(new AppError('body_too_large'))
      }
      controller.enqueue(chunk)
    },
    cancel: (reason) => reader.cancel(reason),
  })
}
