// The scopes this Google knows and what its consent page says about them.

type ScopeText = { text: string /** granted by signing in; has no checkbox of its own */; basic?: boolean }

const GOOGLE = 'https://www.googleapis.com/auth/'

const SCOPES: Record<string, ScopeText> = {
  openid: { text: 'Associate you with your personal info on Google', basic: true },
  [`${GOOGLE}userinfo.email`]: { text: 'See your primary Google Account email address', basic: true },
  [`${GOOGLE}userinfo.profile`]: { text: 'See your personal info', basic: true },
  'https://mail.google.com/': { text: 'Read, compose, send, and permanently delete all your email from Gmail' },
  [`${GOOGLE}gmail.readonly`]: { text: 'View your email messages and settings' },
  [`${GOOGLE}gmail.send`]: { text: 'Send email on your behalf' },
  [`${GOOGLE}gmail.modify`]: { text: 'Read, compose, and send emails from your Gmail account' },
  [`${GOOGLE}gmail.compose`]: { text: 'Manage drafts and send emails' },
  [`${GOOGLE}gmail.metadata`]: {
    text: 'View your email message metadata such as labels and headers, but not the body',
  },
  [`${GOOGLE}gmail.labels`]: { text: 'See and edit your email labels' },
  [`${GOOGLE}gmail.insert`]: { text: 'Add emails into your Gmail mailbox' },
  [`${GOOGLE}gmail.settings.basic`]: { text: 'See, edit, create, or change your email settings and filters in Gmail' },
  [`${GOOGLE}calendar.events`]: { text: 'View and edit events on all your calendars' },
  [`${GOOGLE}calendar.readonly`]: { text: 'See and download any calendar you can access using your Google Calendar' },
}

const ALIASES: Record<string, string> = { email: `${GOOGLE}userinfo.email`, profile: `${GOOGLE}userinfo.profile` }

/** The scopes of a space-separated list under their full names, each once. */
export function parseScopes(list: string): string[] {
  const named = list.split(/\s+/).filter((scope) => scope !== '')
  return [...new Set(named.map((scope) => ALIASES[scope] ?? scope))]
}

export const isKnownScope = (scope: string) => Object.hasOwn(SCOPES, scope)
export const isBasicScope = (scope: string) => SCOPES[scope]?.basic === true
export const scopeText = (scope: string) => SCOPES[scope]?.text ?? scope
