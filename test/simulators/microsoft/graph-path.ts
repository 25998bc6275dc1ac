// One spelling for the many that OData allows: `mailFolders('Inbox')` and `mailfolders/Inbox`, `delta()` and `delta`. Pure.

/** Literal segments, as the routes spell them. */
const WORDS = new Map(
  [
    'me',
    'users',
    'mailFolders',
    'childFolders',
    'messages',
    'delta',
    'attachments',
    'createUploadSession',
    'createReply',
    'createReplyAll',
    'reply',
    'send',
    'sendMail',
    'move',
    'outlook',
    'masterCategories',
    'subscriptions',
    'reauthorize',
    'attachmentSessions',
    '$value',
  ].map((word) => [word.toLowerCase(), word]),
)
/** What follows one of these is somebody's id, unless it is the function `delta`. */
const COLLECTIONS = new Set(['users', 'mailFolders', 'messages', 'attachments', 'subscriptions', 'attachmentSessions'])

/** The path as the routes know it; paths that are not Graph's or Outlook's come back unchanged. */
export function canonicalPath(pathname: string): string {
  const [, version, rest] = /^\/(v1\.0|api\/v2\.0)\/(.*)$/i.exec(pathname) ?? []
  if (version === undefined || rest === undefined) return pathname
  const segments: string[] = []
  for (const segment of rest.split('/').flatMap(keyAsSegment)) {
    const before = segments.at(-1) ?? ''
    const word = WORDS.get(segment.replace(/^microsoft\.graph\./i, '').toLowerCase())
    const id = COLLECTIONS.has(before) && word !== 'delta'
    segments.push(id ? segment : (word ?? segment))
  }
  return `/${version.toLowerCase()}/${segments.join('/')}`
}

/** `messages('a%3D')` becomes two segments; an empty key list (`delta()`) goes. */
function keyAsSegment(segment: string): string[] {
  const open = segment.replace(/%28/gi, '(').replace(/%29/gi, ')').replace(/%27/gi, "'")
  const [, name, key] = /^([^()]+)\((?:'([^']*)')?\)$/.exec(open) ?? []
  if (name === undefined) return [segment]
  return key === undefined ? [name] : [name, key]
}
