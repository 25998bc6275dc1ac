// format=flowed text (RFC 3676) to lines as long as their paragraphs. Pure.

/** Joins lines that end in a space with the next of the same quote depth; takes off space-stuffing. */
export function unwrapFlowed(text: string, deleteSpace: boolean): string {
  const out: string[] = []
  let open: { depth: number } | null = null
  for (const line of text.split(/\r\n|\r|\n/)) {
    const depth = /^>*/.exec(line)?.[0].length ?? 0
    const content = line.slice(depth).replace(/^ /, '')
    const isSignature = content === '-- '
    const flows = content.endsWith(' ') && !isSignature
    const kept = flows && deleteSpace ? content.slice(0, -1) : content
    const joins = open !== null && open.depth === depth && !isSignature
    if (joins) out.push(`${out.pop() ?? ''}${kept}`)
    else out.push(depth > 0 ? `${'>'.repeat(depth)} ${kept}` : kept)
    open = flows ? { depth } : null
  }
  return out.join('\n')
}
