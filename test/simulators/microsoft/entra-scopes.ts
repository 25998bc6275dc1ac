// The permissions this Entra knows and what its consent pages say about them.

/** Delegated permissions of Graph, under their short names. */
const SCOPES: Record<string, string> = {
  openid: 'Sign you in',
  profile: 'View your basic profile',
  email: 'View your email address',
  offline_access: 'Maintain access to data you have given it access to',
  'User.Read': 'Sign you in and read your profile',
  'User.ReadBasic.All': "Read all users' basic profiles",
  'Mail.Read': 'Read your mail',
  'Mail.ReadBasic': 'Read your mail without bodies and attachments',
  'Mail.ReadWrite': 'Read and write access to your mail',
  'Mail.Send': 'Send mail as you',
  'Mail.Read.Shared': 'Read mail you can access',
  'Mail.ReadWrite.Shared': 'Read and write mail you can access',
  'Mail.Send.Shared': 'Send mail on behalf of others or yourself',
  'MailboxSettings.Read': 'Read your mailbox settings',
  'MailboxSettings.ReadWrite': 'Read and write your mailbox settings',
  'Calendars.Read': 'Read your calendars',
  'Calendars.ReadWrite': 'Have full access to your calendars',
  'TeamsActivity.Send': 'Send a teamwork activity as you',
}

const GRAPH = 'https://graph.microsoft.com'
const BY_LOWER_CASE = new Map(Object.keys(SCOPES).map((scope) => [scope.toLowerCase(), scope]))

/** Short names of a space-separated list, each once, in Microsoft's spelling; `origin` is another name for Graph. Unknown ones stay as written. */
export function parseScopes(list: string, origin: string): string[] {
  const named = list.split(/\s+/).filter((scope) => scope !== '')
  const short = (scope: string) => {
    const resource = [GRAPH, origin].find((name) => scope.toLowerCase().startsWith(`${name.toLowerCase()}/`))
    const name = resource ? scope.slice(resource.length + 1) : scope
    return BY_LOWER_CASE.get(name.toLowerCase()) ?? name
  }
  return [...new Set(named.map(short))]
}

export const ALL_SCOPES = Object.keys(SCOPES)
export const isKnownScope = (scope: string): boolean => Object.hasOwn(SCOPES, scope)
export const scopeText = (scope: string): string => SCOPES[scope] ?? scope
