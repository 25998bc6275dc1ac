// The route tree: paths, search state and who may enter. Screens are loaded when they are visited.
import type { QueryClient } from '@tanstack/react-query'
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  notFound,
  Outlet,
  redirect,
} from '@tanstack/react-router'
import type { SessionAnswer } from '../worker/contract/auth'
import type { Permission } from '../worker/contract/permissions'
import { NotFound, NotFoundPage, PageSkeleton, RouteError } from './components/states'
import { parseConnectSearch } from './features/inboxes/connect-result'
import { parseLedgerFilter } from './features/inboxes/ledger-words'
import { parseConsentSearch } from './features/microsoft/consent-result'
import { allows, sessionQuery, setupQuery } from './features/session/api'
import { parseTicketSearch } from './features/tickets/search'
import { ApiError } from './lib/http'

const rootRoute = createRootRouteWithContext<{ queryClient: QueryClient }>()({
  component: Outlet,
  notFoundComponent: NotFoundPage,
  errorComponent: RouteError,
})

const setupRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/setup',
  beforeLoad: async ({ context }) => {
    if (!(await context.queryClient.fetchQuery(setupQuery)).needed) throw redirect({ to: '/sign-in' })
  },
  component: lazyRouteComponent(() => import('./features/session/setup-page'), 'SetupPage'),
})

const signInRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/sign-in',
  validateSearch: (search: Record<string, unknown>): { redirect?: string; expired?: boolean } => ({
    ...(isLocalPath(search.redirect) ? { redirect: search.redirect } : {}),
    ...(search.expired === true ? { expired: true } : {}),
  }),
  component: lazyRouteComponent(() => import('./features/session/sign-in-page'), 'SignInPage'),
})

const invitationRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/accept-invite',
  component: lazyRouteComponent(() => import('./features/session/invitation-page'), 'InvitationPage'),
})

/** Everything that needs a session: without one, setup on the first visit, else sign-in and back again. */
const appRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: 'app',
  beforeLoad: async ({ context: { queryClient }, location }) => {
    try {
      return { session: await queryClient.ensureQueryData(sessionQuery) }
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401)) throw error
      const { needed } = await queryClient.fetchQuery(setupQuery)
      if (needed) throw redirect({ to: '/setup' })
      throw redirect({ to: '/sign-in', search: location.href === '/' ? {} : { redirect: location.href } })
    }
  },
  component: lazyRouteComponent(() => import('./components/app-layout'), 'AppLayout'),
})

/** A screen for those who hold the permission; for others it does not exist. */
const needs = (permission: Permission) => ({
  beforeLoad: ({ context }: { context: { session: SessionAnswer } }) => {
    if (!allows(context.session, permission)) throw notFound()
  },
  notFoundComponent: NotFound,
})

const indexRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/tickets' })
  },
})

const ticketsRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/tickets',
  validateSearch: parseTicketSearch,
  component: lazyRouteComponent(() => import('./features/tickets/ticket-list-page'), 'TicketListPage'),
})

const ticketRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/tickets/$ticketId',
  component: lazyRouteComponent(() => import('./features/tickets/ticket-page'), 'TicketPage'),
})

const inboxesRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/inboxes',
  validateSearch: parseConnectSearch,
  component: lazyRouteComponent(() => import('./features/inboxes/inbox-list-page'), 'InboxListPage'),
})

const newInboxRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/inboxes/new',
  ...needs('inboxes:manage'),
  component: lazyRouteComponent(() => import('./features/inboxes/new-inbox-page'), 'NewInboxPage'),
})

const inboxRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/inboxes/$inboxId',
  validateSearch: parseConnectSearch,
  component: lazyRouteComponent(() => import('./features/inboxes/inbox-page'), 'InboxPage'),
})

const ledgerRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/inboxes/$inboxId/ledger',
  ...needs('ledger:read'),
  validateSearch: parseLedgerFilter,
  component: lazyRouteComponent(() => import('./features/inboxes/ledger-page'), 'LedgerPage'),
})

const peopleRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/people',
  ...needs('users:invite'),
  component: lazyRouteComponent(() => import('./features/people/people-page'), 'PeoplePage'),
})

const microsoftRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/settings/integrations/microsoft',
  ...needs('microsoft:manage'),
  validateSearch: parseConsentSearch,
  component: lazyRouteComponent(() => import('./features/microsoft/microsoft-page'), 'MicrosoftPage'),
})

const accountRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/account',
  component: lazyRouteComponent(() => import('./features/session/account-page'), 'AccountPage'),
})

const previewRoute = createRoute({
  getParentRoute: () => appRoute,
  path: '/mail-preview',
  ...needs('ledger:read'),
  component: lazyRouteComponent(() => import('./features/mail-preview/mail-preview-page'), 'MailPreviewPage'),
})

const routeTree = rootRoute.addChildren([
  setupRoute,
  signInRoute,
  invitationRoute,
  appRoute.addChildren([
    indexRoute,
    ticketsRoute,
    ticketRoute,
    inboxesRoute,
    newInboxRoute,
    inboxRoute,
    ledgerRoute,
    peopleRoute,
    microsoftRoute,
    accountRoute,
    previewRoute,
  ]),
])

/** The router over one query client. */
export function createAppRouter(queryClient: QueryClient) {
  return createRouter({
    routeTree,
    context: { queryClient },
    defaultPreload: 'intent',
    defaultPendingComponent: PageSkeleton,
    scrollRestoration: true,
  })
}

/** A path of this site: never another origin, so that sign-in cannot be used to send people away. */
function isLocalPath(value: unknown): value is string {
  return typeof value === 'string' && /^\/(?![/\\])/.test(value)
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createAppRouter>
  }
}
