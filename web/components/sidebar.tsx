// Navigation: the ticket views, the places of the workspace, the person.
import {
  ActionIcon,
  AppShell,
  Avatar,
  CloseButton,
  Group,
  Menu,
  ScrollArea,
  Text,
  UnstyledButton,
  VisuallyHidden,
} from '@mantine/core'
import {
  IconBrandWindows,
  IconChevronRight,
  IconInbox,
  IconKeyboard,
  IconLogout,
  IconMailCheck,
  IconMailSearch,
  IconStack2,
  IconTicket,
  IconUser,
  IconUserCircle,
  IconUserQuestion,
  IconUsers,
} from '@tabler/icons-react'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useLocation, useRouter } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { SessionAnswer } from '../../worker/contract/auth'
import type { TicketCounts } from '../../worker/contract/tickets'
import { allows, useSignOut } from '../features/session/api'
import { ticketCountsQuery } from '../features/tickets/api'
import type { TicketSearch } from '../features/tickets/search'
import { notifyError } from '../lib/notify'
import { ColorSchemeMenu } from './color-scheme'
import { NavItem } from './links'
import { Logo } from './logo'
import classes from './sidebar.module.css'

/** The router marks links on its own too; exactly matched, it can only agree with what is worked out here. */
const EXACT = { exact: true, includeSearch: true }

type ViewName = 'Unresolved' | 'Mine' | 'Unassigned' | 'Waiting' | 'All'
const VIEWS: { label: ViewName; icon: ReactNode; search: TicketSearch }[] = [
  { label: 'Unresolved', icon: <IconTicket size={18} />, search: {} },
  { label: 'Mine', icon: <IconUser size={18} />, search: { assignee: 'me' } },
  { label: 'Unassigned', icon: <IconUserQuestion size={18} />, search: { assignee: 'none' } },
  { label: 'Waiting', icon: <IconMailCheck size={18} />, search: { status: 'waiting' } },
  { label: 'All', icon: <IconStack2 size={18} />, search: { status: 'all' } },
]

type Props = { session: SessionAnswer; onShowShortcuts: () => void; onClose: (() => void) | null }

export function Sidebar({ session, onShowShortcuts, onClose }: Props) {
  return (
    <>
      <AppShell.Section p="md" pb="xs">
        <Group gap="xs" wrap="nowrap">
          <Logo size={26} />
          <Text fw={650} truncate flex={1} title={session.tenant.name}>
            {session.tenant.name}
          </Text>
          {onClose && <CloseButton onClick={onClose} aria-label="Close menu" />}
        </Group>
      </AppShell.Section>
      <AppShell.Section grow component={ScrollArea} px="xs">
        <TicketViews />
        <Text className={classes.group}>Workspace</Text>
        <Place to="/inboxes" label="Inboxes" icon={<IconInbox size={18} />} />
        {allows(session, 'users:invite') && <Place to="/people" label="People" icon={<IconUsers size={18} />} />}
        {allows(session, 'ledger:read') && (
          <Place to="/mail-preview" label="Mail preview" icon={<IconMailSearch size={18} />} />
        )}
        {allows(session, 'microsoft:manage') && (
          <>
            <Text className={classes.group}>Integrations</Text>
            <Place to="/settings/integrations/microsoft" label="Microsoft" icon={<IconBrandWindows size={18} />} />
          </>
        )}
      </AppShell.Section>
      <AppShell.Section p="xs" className={classes.foot}>
        <Group gap={4} wrap="nowrap">
          <PersonMenu session={session} />
          <ActionIcon
            variant="subtle"
            color="gray"
            size="lg"
            onClick={onShowShortcuts}
            aria-label="Keyboard shortcuts"
            visibleFrom="sm"
          >
            <IconKeyboard size={18} />
          </ActionIcon>
          <ColorSchemeMenu />
        </Group>
      </AppShell.Section>
    </>
  )
}

/** How many tickets a view holds, '99+' where the server stopped counting; nothing where it was not asked. */
function countOf(view: (typeof VIEWS)[number], counts: TicketCounts | undefined): string | null {
  if (!counts) return null
  const { byStatus } = counts
  const n = {
    Unresolved: (byStatus.open ?? 0) + (byStatus.in_progress ?? 0) + (byStatus.waiting ?? 0),
    Mine: counts.mine,
    Unassigned: counts.unassigned,
    Waiting: byStatus.waiting ?? 0,
    All: 0,
  }[view.label]
  return n === 0 ? null : n >= counts.limit ? `${counts.limit - 1}+` : String(n)
}

function TicketViews() {
  const counts = useQuery(ticketCountsQuery).data
  const location = useLocation()
  const search = location.search as TicketSearch
  return (
    <>
      <Text className={classes.group}>Tickets</Text>
      {VIEWS.map((view) => {
        const active =
          location.pathname === '/tickets' &&
          search.assignee === view.search.assignee &&
          (search.status ?? null) === (view.search.status ?? null)
        return (
          <NavItem
            key={view.label}
            to="/tickets"
            search={view.search}
            label={view.label}
            leftSection={view.icon}
            rightSection={<span className={classes.count}>{countOf(view, counts)}</span>}
            active={active}
            activeOptions={EXACT}
            aria-current={active ? 'page' : undefined}
            className={classes.link}
          />
        )
      })}
    </>
  )
}

type PlaceProps = {
  to: '/inboxes' | '/people' | '/mail-preview' | '/settings/integrations/microsoft'
  label: string
  icon: ReactNode
}

function Place({ to, label, icon }: PlaceProps) {
  const active = useLocation({ select: (location) => location.pathname.startsWith(to) })
  return (
    <NavItem
      to={to}
      label={label}
      leftSection={icon}
      active={active}
      aria-current={active ? 'page' : undefined}
      className={classes.link}
    />
  )
}

function PersonMenu({ session }: { session: SessionAnswer }) {
  const router = useRouter()
  const client = useQueryClient()
  const signOut = useSignOut()
  return (
    <Menu position="top-start" width={220}>
      <Menu.Target>
        <UnstyledButton className={classes.person}>
          <Avatar name={session.user.name} size="sm" color="pine" aria-hidden />
          <Text size="sm" truncate flex={1}>
            {session.user.name}
          </Text>
          <VisuallyHidden>account menu</VisuallyHidden>
          <IconChevronRight size={14} aria-hidden />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{session.user.email}</Menu.Label>
        <Menu.Item component={Link} to="/account" leftSection={<IconUserCircle size={16} />}>
          Account
        </Menu.Item>
        <Menu.Item
          leftSection={<IconLogout size={16} />}
          onClick={() =>
            signOut.mutate(undefined, {
              onSuccess: async () => {
                await router.navigate({ to: '/sign-in' })
                client.clear()
              },
              onError: notifyError,
            })
          }
        >
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
