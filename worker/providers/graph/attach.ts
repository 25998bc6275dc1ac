// Files onto a draft: small ones in one request, larger ones through an upload session, range after range and without the token.
import { decodeStream } from '../../mail/decode'
import type { RawSource } from '../../mail/types'
import { UploadSession } from './answers'
import type { GraphClient } from './client'
import type { DraftFile } from './draft-plan'
import type { GraphLimits } from './limits'

export type AttachDeps = { client: GraphClient; limits: GraphLimits }

/** Puts a file of `source` onto the draft at `path`. Throws a ProviderError. */
export async function attach(deps: AttachDeps, path: string, source: RawSource, file: DraftFile): Promise<void> {
  const raw = await source.range(file.start, file.end)
  const content = raw.pipeThrough(decodeStream(file.encoding))
  if (file.size < deps.limits.session) return attachWhole(deps, path, file, content)
  const { uploadUrl } = await deps.client.call(UploadSession, {
    path: `${path}/attachments/createUploadSession`,
    method: 'POST',
    json: { AttachmentItem: { attachmentType: 'file', size: file.size, ...namesOf(file) } },
  })
  let start = 0
  for await (const bytes of rangesOf(content, deps.limits.range)) {
    await deps.client.upload(uploadUrl, { start, bytes, total: file.size })
    start += bytes.length
  }
}

async function attachWhole(
  { client }: AttachDeps,
  path: string,
  file: DraftFile,
  content: ReadableStream<Uint8Array>,
): Promise<void> {
  const contentBytes = Buffer.from(await new Response(content).arrayBuffer()).toString('base64')
  const json = { '@odata.type': '#microsoft.graph.fileAttachment', ...namesOf(file), contentBytes }
  await client.command({ path: `${path}/attachments`, method: 'POST', json })
}

function namesOf({ name, contentType, contentId, inline }: DraftFile) {
  return { name, contentType, isInline: inline, ...(contentId !== null && { contentId }) }
}

/** The content in pieces of exactly `size` bytes, but for the last. */
async function* rangesOf(content: ReadableStream<Uint8Array>, size: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let piece = new Uint8Array(size)
  let held = 0
  for await (const chunk of content as unknown as AsyncIterable<Uint8Array>) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + size - held)
      piece.set(part, held)
      held += part.length
      at += part.length
      if (held < size) continue
      yield piece
      piece = new Uint8Array(size)
      held = 0
    }
  }
  if (held > 0) yield piece.slice(0, held)
}
