// Which parts of a message a reader would see as its body, and which are attachments. Pure; decided from structure alone.
import type { IndexedPart } from './types'

/** One stretch of the body, in one or both renditions; each in reading order. */
export type BodyFragment = { plain: IndexedPart[]; html: IndexedPart[] }
export type BodyPlan = { fragments: BodyFragment[]; attachments: IndexedPart[] }

const READABLE = new Set([
  'text/plain',
  'text/html',
  'text/enriched',
  'text/richtext',
  'text/markdown',
  'text/x-markdown',
])
/** Text that is data: an attachment wherever it stands. */
const DATA = new Set([
  'text/calendar',
  'text/x-vcalendar',
  'text/vcard',
  'text/x-vcard',
  'text/directory',
  'text/rfc822-headers',
])

/** Splits the leaves of a message into body and attachments (RFC 2046 section 5.1, RFC 2387, and what mail clients show). */
export function planBody(parts: IndexedPart[]): BodyPlan {
  const root = parts[0]
  if (!root) return { fragments: [], attachments: [] }
  const children = new Map<string, IndexedPart[]>()
  for (const part of parts.slice(1)) {
    const parent = part.path.slice(0, Math.max(0, part.path.lastIndexOf('.')))
    const siblings = children.get(parent) ?? []
    siblings.push(part)
    children.set(parent, siblings)
  }
  if (!root.multipart) return planLeaf(root, { isRoot: true, first: true, alternative: false })
  return planContainer(root, children, { first: true, alternative: false })
}

/** `first`: no text was seen before in reading order. `alternative`: within multipart/alternative. */
type Place = { first: boolean; alternative: boolean; isRoot?: boolean }

function planContainer(container: IndexedPart, children: Map<string, IndexedPart[]>, place: Place): BodyPlan {
  const isAlternative = container.contentType === 'multipart/alternative'
  const plans: BodyPlan[] = []
  let first = place.first
  for (const [position, child] of (children.get(container.path) ?? []).entries()) {
    const inside = { first: isAlternative ? place.first : first, alternative: isAlternative || place.alternative }
    // Beside the first part of multipart/related lie resources, texts among them (RFC 2387).
    const isResource = container.contentType === 'multipart/related' && position > 0 && child.contentId !== null
    const plan = child.multipart
      ? planContainer(child, children, inside)
      : isResource
        ? { fragments: [], attachments: [child] }
        : planLeaf(child, inside)
    if (plan.fragments.length > 0) first = false
    plans.push(plan)
  }
  return isAlternative ? choose(plans) : concatenate(plans)
}

function planLeaf(part: IndexedPart, place: Place): BodyPlan {
  if (isBodyText(part, place)) {
    const isHtml = part.contentType === 'text/html'
    return { fragments: [{ plain: isHtml ? [] : [part], html: isHtml ? [part] : [] }], attachments: [] }
  }
  return { fragments: [], attachments: [part] }
}

function isBodyText(part: IndexedPart, place: Place): boolean {
  if (part.disposition === 'attachment') return false
  // A multipart that could not be taken apart.
  if (part.contentType.startsWith('multipart/')) return true
  if (!READABLE.has(part.contentType)) {
    return place.isRoot === true && part.contentType.startsWith('text/') && !DATA.has(part.contentType)
  }
  return part.filename === null || place.first || place.alternative
}

function concatenate(plans: BodyPlan[]): BodyPlan {
  return { fragments: plans.flatMap((plan) => plan.fragments), attachments: plans.flatMap((plan) => plan.attachments) }
}

/** multipart/alternative: the first plain rendition and the last HTML one, as one fragment. */
function choose(plans: BodyPlan[]): BodyPlan {
  const plain = plans.find((plan) => plan.fragments.length > 0 && plan.fragments.every((one) => one.html.length === 0))
  const mixed = plans.find((plan) => plan.fragments.some((one) => one.plain.length > 0))
  const html = plans.findLast((plan) => plan.fragments.some((one) => one.html.length > 0))
  const fragment = {
    plain: (plain ?? mixed)?.fragments.flatMap((one) => one.plain) ?? [],
    html: html?.fragments.flatMap((one) => (one.html.length > 0 ? one.html : one.plain)) ?? [],
  }
  const shown = fragment.plain.length + fragment.html.length > 0
  const attachments = plans
    .flatMap((plan) => plan.attachments)
    // Further renditions of the same text, such as text/x-amp-html, are no files.
    .filter((part) => !(shown && isRendition(part)))
  return { fragments: shown ? [fragment] : [], attachments }
}

function isRendition(part: IndexedPart): boolean {
  return (
    part.contentType.startsWith('text/') &&
    !DATA.has(part.contentType) &&
    part.filename === null &&
    part.disposition === null
  )
}
