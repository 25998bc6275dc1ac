// The one list of public URLs that providers call or send browsers to. They stay addressable in every edition:
// where the module that serves one is not in the build, the core answers 501 for it.

type ProviderPath = { method: 'GET' | 'POST'; path: string; module: string }

const GMAIL_PUSH = '/webhooks/gmail-push'
const GOOGLE_CALLBACK = '/auth/google/callback'
const MICROSOFT_CALLBACK = '/auth/microsoft/callback'
const MICROSOFT_CALENDAR_CALLBACK = '/auth/microsoft/calendar/callback'
const GRAPH_PUSH = '/webhooks/graph-push'
const GRAPH_LIFECYCLE = '/webhooks/graph-lifecycle'

/** Paths under /api, with the module that serves them; `core` is in every build. */
export const PROVIDER_PATHS: readonly ProviderPath[] = [
  { method: 'GET', path: GOOGLE_CALLBACK, module: 'core' },
  { method: 'POST', path: GMAIL_PUSH, module: 'core' },
  { method: 'GET', path: MICROSOFT_CALLBACK, module: 'core' },
  { method: 'POST', path: GRAPH_PUSH, module: 'core' },
  { method: 'POST', path: GRAPH_LIFECYCLE, module: 'core' },
  { method: 'GET', path: '/auth/google/calendar/callback', module: 'calendar' },
  { method: 'GET', path: MICROSOFT_CALENDAR_CALLBACK, module: 'calendar' },
  { method: 'POST', path: '/calendar/webhooks/google', module: 'calendar' },
  { method: 'POST', path: '/calendar/webhooks/microsoft', module: 'calendar' },
]

/** Whether a provider calls this path itself, so that the caller is verified by its route and not by a browser's Origin. */
export function isProviderPath(path: string): boolean {
  return PROVIDER_PATHS.some((entry) => path === `/api${entry.path}`)
}

/** The URL that Pub/Sub pushes to. It is also the audience its tokens must name, so both come from here (lessons, row 24). */
export const gmailPushUrl = (appUrl: string) => `${appUrl}/api${GMAIL_PUSH}`

/** The redirect URI to register with Google. */
export const googleCallbackUrl = (appUrl: string) => `${appUrl}/api${GOOGLE_CALLBACK}`

/** The redirect URIs to register with Microsoft. */
export const microsoftCallbackUrl = (appUrl: string) => `${appUrl}/api${MICROSOFT_CALLBACK}`
export const microsoftCalendarCallbackUrl = (appUrl: string) => `${appUrl}/api${MICROSOFT_CALENDAR_CALLBACK}`

/** Where Graph announces new mail, and what happens to its subscriptions. */
export const graphPushUrl = (appUrl: string) => `${appUrl}/api${GRAPH_PUSH}`
export const graphLifecycleUrl = (appUrl: string) => `${appUrl}/api${GRAPH_LIFECYCLE}`
