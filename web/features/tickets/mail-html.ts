// Makes a mail's HTML fit to be shown: sanitised once more, links out, pictures from elsewhere only when asked for.
// The frame it is shown in is the next wall: no scripts, an opaque origin and a CSP of its own.
import createDOMPurify from 'dompurify'

const purify = createDOMPurify(window)
purify.addHook('afterSanitizeAttributes', (node) => {
  // Without a target a link would open inside the frame, where the mail could pose as Postroom.
  if (node.hasAttribute('href')) {
    node.setAttribute('target', '_blank')
    node.setAttribute('rel', 'noopener noreferrer')
  }
})

type Options = {
  /** attachment id → data: URL; a frame of an opaque origin cannot fetch with the agent's cookie */
  inlineImages: ReadonlyMap<string, string>
  /** whether pictures may be fetched from the sender's servers */
  allowRemote: boolean
  /** px, for the guess of the height */
  width: number
}

/** The frame's document for the API's sanitised HTML, and a guess of its height in px. */
export function showMail(html: string, { inlineImages, allowRemote, width }: Options) {
  const root = purify.sanitize(html, {
    WHOLE_DOCUMENT: true,
    RETURN_DOM: true,
    ADD_ATTR: allowRemote ? REMOTE.map(([held]) => held) : [],
    ALLOW_DATA_ATTR: false,
    FORBID_TAGS: ['base', 'meta', 'link', 'style', 'form', 'input', 'button', 'select', 'textarea', 'audio', 'video'],
    FORBID_ATTR: ['ping', 'autofocus', 'tabindex', 'srcset'],
    USE_PROFILES: { html: true },
  }) as HTMLElement
  for (const image of root.querySelectorAll('img')) {
    const id = inlineImageId(image.getAttribute('src') ?? '')
    if (!id) continue
    const data = inlineImages.get(id)
    if (data) image.setAttribute('src', data)
    else image.removeAttribute('src')
  }
  if (allowRemote) restoreRemote(root)
  return { srcdoc: frameDocument(root, allowRemote), height: guessHeight(root, width) }
}

/** Attachment ids of the pictures that the API has put in place of Content-IDs. */
export function inlineImageIds(html: string): string[] {
  return [...new Set([...html.matchAll(/src="([^"]+)"/g)].flatMap((match) => inlineImageId(match[1] ?? '') ?? []))]
}

function inlineImageId(src: string): string | null {
  return /^\/api\/attachments\/([\w-]+)\?inline=1$/.exec(src)?.[1] ?? null
}

/** Where the API keeps the address of a picture it has held back, and where it belongs. */
const REMOTE = [
  ['data-remote-src', 'src'],
  ['data-remote-background', 'background'],
] as const

function restoreRemote(root: HTMLElement) {
  for (const [held, attribute] of REMOTE) {
    for (const node of root.querySelectorAll(`[${held}]`)) {
      // Over http a picture would tell everybody on the way what is read; hosts of mail pictures speak https.
      const url = (node.getAttribute(held) ?? '').replace(/^http:/i, 'https:')
      node.removeAttribute(held)
      if (/^https:\/\//i.test(url)) node.setAttribute(attribute, url)
    }
  }
}

function frameDocument(root: HTMLElement, allowRemote: boolean): string {
  const csp = [
    "default-src 'none'",
    `img-src data:${allowRemote ? ' https:' : ''}`,
    "style-src 'unsafe-inline'",
    "form-action 'none'",
    "base-uri 'none'",
  ].join('; ')
  const body = root.querySelector('body')?.outerHTML ?? '<body></body>'
  return `<!doctype html><html><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${csp}"><meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light"><style>${FRAME_CSS}</style></head>${body}</html>`
}

const FRAME_CSS =
  'html{background:#fff;color:#1a1a1a;font:14px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}body{margin:16px}img{max-width:100%;height:auto}pre{white-space:pre-wrap}blockquote{margin:0 0 0 8px;padding-left:12px;border-left:2px solid #ccc}'

const BLOCK = /^(?:P|DIV|BR|TR|LI|H[1-6]|BLOCKQUOTE|PRE|TABLE|HR|UL|OL|SECTION|ARTICLE)$/
const LINE_PX = 21
const CHAR_PX = 7.2

/** The frame's origin is opaque, so its real height cannot be read: lines of text and sizes of images say roughly enough. */
function guessHeight(root: HTMLElement, width: number): number {
  let text = ''
  let images = 0
  const walk = (node: Node) => {
    if (node instanceof Text) text += node.data.replace(/\s+/g, ' ')
    if (!(node instanceof HTMLElement) || node.tagName === 'HEAD') return
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
