// Makes the HTML of a mail fit to be shown: no scripts, forms, frames or style sheets, no loads from elsewhere unless asked for.
// Pure. The second wall behind it is the sandboxed frame with its strict CSP; neither relies on the other.
import sanitize from 'sanitize-html'

export type SanitizeOptions = {
  /** the URL of an inline part, or null where the mail has none of that Content-ID (given without angle brackets) */
  cid(contentId: string): string | null
  /** whether images may be loaded from the sender's servers, which tells them that the mail was read */
  allowRemote: boolean
}

const TEXT_TAGS =
  'a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del details dfn div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i ins kbd li main mark nav ol p pre q rp rt ruby s samp section small span strike strong sub summary sup table tbody td tfoot th thead time tr tt u ul var wbr'
/** Dropped with all that is in them; of any other unknown tag the content stays. */
const TAGS_WITH_CONTENT =
  'script style textarea option select noscript title template xml noembed noframes iframe object embed applet svg math audio video'

const ATTRIBUTES: Record<string, string[]> = {
  '*': ['style', 'dir', 'lang', 'title', 'align', 'valign', 'width', 'height', 'bgcolor'],
  a: ['href', 'target', 'rel'],
  area: ['href', 'target', 'rel', 'coords', 'shape', 'alt'],
  map: ['name'],
  img: ['src', 'alt', 'border', 'hspace', 'vspace', 'usemap', 'data-remote-src'],
  table: ['border', 'cellpadding', 'cellspacing', 'summary', 'background', 'data-remote-background'],
  tr: ['background', 'data-remote-background'],
  td: ['colspan', 'rowspan', 'nowrap', 'background', 'data-remote-background'],
  th: ['colspan', 'rowspan', 'nowrap', 'scope', 'background', 'data-remote-background'],
  col: ['span'],
  colgroup: ['span'],
  font: ['color', 'face', 'size'],
  hr: ['size', 'color', 'noshade'],
  ol: ['start', 'type', 'reversed'],
  ul: ['type'],
  li: ['value'],
  blockquote: ['type'],
  details: ['open'],
  time: ['datetime'],
}

/** Nothing that takes a mail out of its place (position), loads (url), or hides who wrote what behind generated content. */
const STYLE_PROPERTY =
  /^(?:color|background|background-color|font(?:-(?:family|size|style|weight|variant|stretch))?|text-(?:align|decoration(?:-(?:line|color|style))?|indent|transform|overflow)|line-height|letter-spacing|word-(?:spacing|break|wrap)|overflow-wrap|white-space|vertical-align|direction|unicode-bidi|(?:margin|padding)(?:-(?:top|right|bottom|left))?|border(?:-(?:top|right|bottom|left))?(?:-(?:color|style|width))?|border-(?:collapse|spacing|radius|(?:top|bottom)-(?:left|right)-radius)|(?:min-|max-)?(?:width|height)|display|visibility|opacity|overflow|float|clear|list-style(?:-(?:type|position))?|table-layout|box-sizing|caption-side|empty-cells)$/
const STYLE_VALUE = /^[\p{L}\p{N}\s#%.,'"()+/!*_-]{1,500}$/u
const STYLE_FUNCTION = /([\w-]*)\s*\(/g
const HARMLESS_FUNCTIONS = new Set(['rgb', 'rgba', 'hsl', 'hsla', 'calc', 'min', 'max', 'clamp'])

const DATA_IMAGE = /^data:image\/(?:png|gif|jpe?g|webp|bmp|avif|x-icon);base64,[a-z0-9+/=\s]*$/i
const LINK = /^(?:https?:\/\/|mailto:|tel:)/i

const LIMIT = {
  /** Nested layout tables go some dozens deep; deeper is an attack on the browser that shows it. */
  shownDepth: 250,
  /** Tree builders look through all open tags for each closing one, so time grows with the square of the depth. */
  depth: 2_000,
  style: 10_000,
}
/** Tags that have no end or that the next one of their kind ends. */
const SELF_ENDING = new Set(
  'area base br col embed hr img input link meta param source track wbr p li dt dd td th tr option'.split(' '),
)

type Attributes = sanitize.Attributes

/**
 * HTML that is safe to show, and how many images or backgrounds were held back. What was held back keeps its address in
 * `data-remote-src` or `data-remote-background`.
 */
export function sanitizeHtml(html: string, options: SanitizeOptions): { html: string; blockedRemote: number } {
  if (isTooDeep(html)) return { html: `<pre>${wordsOf(html)}</pre>`, blockedRemote: 0 }
  let blockedRemote = 0

  /** Moves a remote address aside, maps cid: and drops whatever else is no picture. */
  const picture = (attributes: Attributes, name: 'src' | 'background') => {
    const { [name]: given, [`data-remote-${name}`]: _forged, ...rest } = attributes
    const url = withoutControls(given ?? '')
    if (url === '') return rest
    if (/^cid:/i.test(url)) {
      const own = options.cid(decoded(url.slice(4)).replace(/^<|>$/g, ''))
      return own === null ? rest : { ...rest, [name]: own }
    }
    if (DATA_IMAGE.test(url)) return { ...rest, [name]: url }
    const remote = url.startsWith('//') ? `https:${url}` : url
    if (!/^https?:\/\//i.test(remote)) return rest
    if (options.allowRemote) return { ...rest, [name]: remote }
    blockedRemote++
    return { ...rest, [`data-remote-${name}`]: remote }
  }

  const withBackground: sanitize.Transformer = (tagName, attributes) => ({
    tagName,
    attribs: picture(attributes, 'background'),
  })
  const link: sanitize.Transformer = (tagName, attributes) => ({ tagName, attribs: linked(attributes) })

  const clean = sanitize(html, {
    allowedTags: [...TEXT_TAGS.split(' '), 'img', 'map', 'area'],
    nonTextTags: TAGS_WITH_CONTENT.split(' '),
    allowedAttributes: ATTRIBUTES,
    // picture() and linked() judge every address; the library's list is a second look with room for what they let through.
    allowedSchemes: ['http', 'https', 'mailto', 'tel', 'cid', 'data'],
    allowedSchemesAppliedToAttributes: ['href', 'src', 'background'],
    allowProtocolRelative: false,
    parseStyleAttributes: false,
    nestingLimit: LIMIT.shownDepth,
    transformTags: {
      '*': (tagName, attributes) => ({ tagName, attribs: styled(attributes) }),
      // The page colour of a newsletter lives on its body.
      body: (_tagName, attributes) => ({ tagName: 'div', attribs: attributes }),
      img: (tagName, attributes) => ({ tagName, attribs: picture(attributes, 'src') }),
      table: withBackground,
      tr: withBackground,
      td: withBackground,
      th: withBackground,
      a: link,
      area: link,
    },
  })
  return { html: clean, blockedRemote }
}

/** Counts open tags by name, so that closing tags without an opening one do not hide how deep it is. */
function isTooDeep(html: string): boolean {
  const open = new Map<string, number>()
  let depth = 0
  for (const [, slash, tag = ''] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)/gi)) {
    const name = tag.toLowerCase()
    const count = open.get(name) ?? 0
    if (SELF_ENDING.has(name) || (slash && count === 0)) continue
    open.set(name, slash ? count - 1 : count + 1)
    depth += slash ? -1 : 1
    if (depth > LIMIT.depth) return true
  }
  return false
}

/** The words of HTML that no tree is built of. */
function wordsOf(html: string): string {
  return html
    .replace(/<[^<>]*>/g, ' ')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
}

/** A link opens elsewhere and says nothing about where it was clicked; one that leads nowhere outside is no link. */
function linked({ href, target: _target, rel: _rel, ...rest }: Attributes): Attributes {
  const url = withoutControls(href ?? '')
  return LINK.test(url) ? { ...rest, href: url, target: '_blank', rel: 'noopener noreferrer nofollow' } : rest
}

function styled({ style, ...rest }: Attributes): Attributes {
  const kept = style === undefined ? '' : safeStyle(style)
  return kept === '' ? rest : { ...rest, style: kept }
}

/** Declarations of harmless properties. Escapes, comments and unknown functions do not pass, so nothing can be hidden in them. */
function safeStyle(style: string): string {
  return style
    .slice(0, LIMIT.style)
    .split(';')
    .flatMap((declaration) => {
      const colon = declaration.indexOf(':')
      const property = declaration.slice(0, colon).trim().toLowerCase()
      const value = declaration.slice(colon + 1).trim()
      return STYLE_PROPERTY.test(property) && isHarmlessValue(value) ? [`${property}:${value}`] : []
    })
    .join(';')
}

function isHarmlessValue(value: string): boolean {
  if (!STYLE_VALUE.test(value)) return false
  for (const [, name = ''] of value.matchAll(STYLE_FUNCTION))
    if (!HARMLESS_FUNCTIONS.has(name.toLowerCase())) return false
  return true
}

/** Browsers skip line breaks and tabs within URLs, so `java\nscript:` is judged as they would read it. */
function withoutControls(url: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
  return url.replace(/[\x00-\x1f\x7f]+/g, '').trim()
}

function decoded(contentId: string): string {
  try {
    return decodeURIComponent(contentId)
  } catch {
    return contentId
  }
}
