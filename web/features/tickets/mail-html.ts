// Makes a mail's HTML fit to be shown: sanitised, links out, remote content only when asked for.
// The frame it is shown in is the second wall: no scripts, an opaque origin and a CSP of its own.
import createDOMPurify from 'dompurify'

const purify = createDOMPurify(window)
purify.addHook('afterSanitizeAttributes', (node) => {
  // Without a target a link would open inside the frame, where the mail could pose as Postroom.
  if (node.hasAttribute('href')) {
    node.setAttribute('target', '_blank')
    node.setAttribute('rel', 'noopener noreferrer')
  }
})

/** What is needed to show a mail: the frame's document, whether it asks for remote content, and a guess of its height in px. */
export type ShownMail = { srcdoc: string; hasRemote: boolean; height: number }

type Options = {
  /** Content-ID (no angle brackets) → data: URL; an opaque origin cannot fetch with the agent's cookie */
  inlineImages: ReadonlyMap<string, string>
  allowRemote: boolean
  /** px, for the guess of the height */
  width: number
}

export function showMail(html: string, { inlineImages, allowRemote, width }: Options): ShownMail {
  const root = purify.sanitize(html, {
    WHOLE_DOCUMENT: true,
    RETURN_DOM: true,
    ALLOW_DATA_ATTR: false,
    FORBID_TAGS: [
      'base',
      'meta',
      'link',
      'form',
      'input',
      'button',
      'select',
      'textarea',
      'audio',
      'video',
      'svg',
      'math',
    ],
    FORBID_ATTR: ['ping', 'autofocus', 'tabindex'],
    ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|tel:|cid:|#)/i,
  }) as HTMLElement
  for (const image of root.querySelectorAll('img')) {
    const cid = /^cid:(.+)$/i.exec(image.getAttribute('src') ?? '')?.[1]
    if (!cid) continue
    const data = inlineImages.get(decodeCid(cid))
    if (data) image.setAttribute('src', data)
    else image.removeAttribute('src')
  }
  return {
    srcdoc: frameDocument(root, allowRemote),
    hasRemote: asksForRemote(root),
    height: guessHeight(root, width),
  }
}

/** Content-IDs that the HTML shows as images. */
export function referencedContentIds(html: string): Set<string> {
  return new Set([...html.matchAll(/cid:([^"'\s>)]+)/gi)].map((match) => decodeCid(match[1] ?? '')))
}

function frameDocument(root: HTMLElement, allowRemote: boolean): string {
  const csp = [
    "default-src 'none'",
    `img-src data:${allowRemote ? ' https:' : ''}`,
    "style-src 'unsafe-inline'",
    "form-action 'none'",
    "base-uri 'none'",
  ].join('; ')
  const head = root.querySelector('head')?.innerHTML ?? ''
  const body = root.querySelector('body')?.outerHTML ?? root.outerHTML
  return `<!doctype html><html><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${csp}"><meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light"><style>html{background:#fff;color:#1a1a1a;font:14px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}body{margin:16px}img{max-width:100%;height:auto}pre{white-space:pre-wrap}</style>${head}</head>${body}</html>`
}

const REMOTE_CSS = /(?:url\(|@import)\s*["']?\s*(?:https?:)?\/\//i

function asksForRemote(root: HTMLElement): boolean {
  const remote = (value: string | null) => value !== null && /^\s*(?:https?:)?\/\//i.test(value)
  for (const node of root.querySelectorAll('[src], [srcset], [background], [style]')) {
    if (
      remote(node.getAttribute('src')) ||
      remote(node.getAttribute('background')) ||
      remote(node.getAttribute('srcset'))
    )
      return true
    if (REMOTE_CSS.test(node.getAttribute('style') ?? '')) return true
  }
  return [...root.querySelectorAll('style')].some((style) => REMOTE_CSS.test(style.textContent ?? ''))
}

const BLOCK = /^(?:P|DIV|BR|TR|LI|H[1-6]|BLOCKQUOTE|PRE|TABLE|HR|UL|OL|SECTION|ARTICLE)$/
const LINE_PX = 21
const CHAR_PX = 7.2

/** The frame's origin is opaque, so its real height cannot be read: lines of text and sizes of images say roughly enough. */
function guessHeight(root: HTMLElement, width: number): number {
  let text = ''
  let images = 0
  const walk = (node: Node) => {
    if (node instanceof Text) text += node.data.replace(/\s+/g, ' ')
    if (!(node instanceof HTMLElement) || node.tagName === 'STYLE' || node.tagName === 'HEAD') return
    if (node.tagName === 'IMG') images += Math.min(Number(node.getAttribute('height')) || 40, 600)
    for (const child of node.childNodes) walk(child)
    if (BLOCK.test(node.tagName)) text += '\n'
  }
  for (const child of root.childNodes) walk(child)
  const perLine = Math.max(20, (width - 32) / CHAR_PX)
  const lines = text
    .replace(/\n{3,}/g, '\n\n')
    .split('\n')
    .reduce((sum, line) => sum + Math.max(0.6, Math.ceil(line.trim().length / perLine)), 0)
  return Math.round(lines * LINE_PX + images + 48)
}

function decodeCid(cid: string): string {
  try {
    return decodeURIComponent(cid)
  } catch {
    return cid
  }
}
