// The OData of message lists: $select, $top, $skip, $filter, $orderby, $expand, as far as mail clients use them, and Graph's refusals. Pure.
import type { SimResponse } from '../shell/http.ts'
import { propertyName, seconds } from './derive.ts'
import { badRequest, graphError } from './graph-error.ts'
import type { StoredMessage } from './store.ts'

export type ListQuery = {
  select: string[] | null
  /** $expand=attachments; `select` of theirs inside */
  attachments: { select: string[] | null } | null
  top: number
  skip: number
  matches: (message: StoredMessage) => boolean
  oldestFirst: boolean
}

const DEFAULT_TOP = 10
const MAX_TOP = 1_000
const ATTACHMENT_PROPERTIES = ['id', 'lastModifiedDateTime', 'name', 'contentType', 'size', 'isInline']

/** The query of a list of messages, or Graph's 400. */
export function parseListQuery(query: URLSearchParams): ListQuery | SimResponse {
  const unknown = [...query.keys()].find((name) => !LIST_OPTIONS.has(name))
  if (unknown) return badRequest('BadRequest', `The query parameter '${unknown}' is not supported.`)
  const select = parseSelect(query.get('$select'))
  if ('status' in select) return select
  const expand = parseExpand(query.get('$expand'))
  if (expand && 'status' in expand) return expand
  const filter = parseFilter(query.get('$filter'))
  if ('status' in filter) return filter
  const order = parseOrder(query.get('$orderby'), filter.properties)
  if ('status' in order) return order
  const top = Number(query.get('$top') ?? DEFAULT_TOP)
  const skip = Number(query.get('$skip') ?? 0)
  if (!Number.isInteger(top) || top < 1 || top > MAX_TOP) {
    return badRequest(
      'ErrorInvalidUrlQuery',
      `The limit of '${MAX_TOP}' for $top has been exceeded or it is no number.`,
    )
  }
  if (!Number.isInteger(skip) || skip < 0) return badRequest('ErrorInvalidUrlQuery', 'Invalid value for $skip.')
  return {
    select: select.names,
    attachments: expand,
    top,
    skip,
    matches: (message) => filter.tests.every((test) => test(message)),
    oldestFirst: order.oldestFirst,
  }
}

/** The query of a list of folders, which may be told by the name that people see; or Graph's 400. */
export function parseFolderQuery(
  query: URLSearchParams,
): { named: string | null; top: number; skip: number } | SimResponse {
  const unknown = [...query.keys()].find((name) => !FOLDER_OPTIONS.has(name))
  if (unknown) return badRequest('BadRequest', `The query parameter '${unknown}' is not supported.`)
  const filter = query.get('$filter')
  const [, named] = /^\s*displayName\s+eq\s+'((?:[^']|'')*)'\s*$/i.exec(filter ?? '') ?? []
  if (filter !== null && named === undefined) {
    return badRequest('BadRequest', `Invalid filter clause: syntax error in '${filter}'.`)
  }
  return {
    named: named?.replace(/''/g, "'") ?? null,
    top: Number(query.get('$top') ?? DEFAULT_TOP),
    skip: Number(query.get('$skip') ?? 0),
  }
}

const FOLDER_OPTIONS = new Set(['$select', '$top', '$skip', '$filter'])
const LIST_OPTIONS = new Set(['$select', '$top', '$skip', '$filter', '$orderby', '$expand', '$count'])

/** Names of message properties, or null where all are wanted. */
export function parseSelect(text: string | null): { names: string[] | null } | SimResponse {
  if (text === null || text.trim() === '' || text === '*') return { names: null }
  const names: string[] = []
  for (const asked of text.split(',')) {
    const name = propertyName(asked.trim())
    if (!name) return noProperty(asked.trim(), 'message')
    names.push(name)
  }
  return { names }
}

/** `$select` of attachments: properties of their common type alone; those of a subtype are refused. */
export function parseAttachmentSelect(text: string | null): { names: string[] | null } | SimResponse {
  if (text === null) return { names: null }
  const names = text.split(',').map((name) => name.trim())
  const wrong = names.find((name) => !ATTACHMENT_PROPERTIES.includes(name))
  return wrong === undefined ? { names } : noProperty(wrong, 'attachment')
}

const noProperty = (name: string, type: string): SimResponse =>
  badRequest(
    'BadRequest',
    `Parsing OData Select and Expand failed: Could not find a property named '${name}' on type 'microsoft.graph.${type}'.`,
  )

/** Whether attachments are to come along; null where nothing is to be expanded. */
export function parseExpand(text: string | null): { select: string[] | null } | null | SimResponse {
  if (text === null) return null
  const [, options] = /^\s*attachments(?:\(\s*\$select=([^()]*)\))?\s*$/i.exec(text) ?? ['', null]
  if (options === null) return noProperty(text, 'message')
  const select = parseAttachmentSelect(options ?? null)
  return 'status' in select ? select : { select: select.names }
}

type Test = (message: StoredMessage) => boolean
type Filter = { tests: Test[]; properties: string[] }

/** Conditions joined by `and`. */
export function parseFilter(text: string | null): Filter | SimResponse {
  if (text === null || text.trim() === '') return { tests: [], properties: [] }
  const tests: Test[] = []
  const properties: string[] = []
  const clause = /\s*(\w+)\s+(eq|ne|ge|gt|le|lt)\s+('(?:[^']|'')*'|[^\s]+)\s*(?:and\s|$)/iy
  while (clause.lastIndex < text.length) {
    const match = clause.exec(text)
    const test = match && testOf(match[1] ?? '', (match[2] ?? '').toLowerCase(), match[3] ?? '')
    if (!match || !test) return badRequest('BadRequest', `Invalid filter clause: syntax error in '${text}'.`)
    tests.push(test)
    properties.push((match[1] ?? '').toLowerCase())
  }
  return { tests, properties }
}

function testOf(property: string, operator: string, value: string): Test | null {
  const quoted = /^'(.*)'$/.exec(value)?.[1]?.replace(/''/g, "'")
  const equality = operator === 'eq' || operator === 'ne'
  const same = (of: (message: StoredMessage) => unknown, wanted: unknown): Test | null =>
    equality ? (message) => (of(message) === wanted) === (operator === 'eq') : null
  switch (property.toLowerCase()) {
    case 'receiveddatetime':
      return dateTest(operator, value)
    case 'internetmessageid':
      return quoted === undefined ? null : same(({ messageId }) => messageId, quoted)
    case 'conversationid':
      return quoted === undefined ? null : same(({ conversationId }) => conversationId, quoted)
    case 'isread':
      return /^(true|false)$/.test(value) ? same(({ isRead }) => isRead, value === 'true') : null
    case 'isdraft':
      return /^(true|false)$/.test(value) ? same(({ isDraft }) => isDraft, value === 'true') : null
    default:
      return null
  }
}

/** Graph compares whole seconds, as it answers them. */
function dateTest(operator: string, value: string): Test | null {
  const at = dateOf(value)
  if (at === null) return null
  const of = ({ receivedAt }: StoredMessage) => Date.parse(seconds(receivedAt))
  switch (operator) {
    case 'ge':
      return (message) => of(message) >= at
    case 'gt':
      return (message) => of(message) > at
    case 'le':
      return (message) => of(message) <= at
    case 'lt':
      return (message) => of(message) < at
    default:
      return null
  }
}

/** A DateTimeOffset literal (never in quotes) in ms; null for anything else. */
export function dateOf(text: string): number | null {
  if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/i.test(text)) return null
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? null : ms
}

/** Exchange sorts by what it filters by: a sorted property must stand first in the filter, if there is one. */
function parseOrder(text: string | null, filtered: readonly string[]): { oldestFirst: boolean } | SimResponse {
  if (text === null || text.trim() === '') return { oldestFirst: false }
  const [, property = '', direction = 'asc'] = /^\s*(\w+)(?:\s+(asc|desc))?\s*$/i.exec(text) ?? []
  if (property.toLowerCase() !== 'receiveddatetime') {
    return badRequest('BadRequest', `Could not find a property named '${text}' to order by.`)
  }
  if (filtered.length > 0 && filtered[0] !== 'receiveddatetime') {
    return graphError(400, 'InefficientFilter', 'The restriction or sort order is too complex for this operation.')
  }
  return { oldestFirst: direction.toLowerCase() !== 'desc' }
}
