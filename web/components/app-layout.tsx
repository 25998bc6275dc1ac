// The frame around every screen behind sign-in: sidebar, top bar on phones, skip link, shortcuts.
import { AppShell, Burger, Group, Text, VisuallyHidden } from '@mantine/core'
import { useDisclosure, useMediaQuery } from '@mantine/hooks'
import { getRouteApi, Outlet, useLocation } from '@tanstack/react-router'
import { lazy, Suspense, useEffect } from 'react'
import { SessionProvider } from '../features/session/session-context'
import { useShortcuts } from '../lib/shortcuts'
import classes from './app-layout.module.css'
import { Logo } from './logo'
import { Sidebar } from './sidebar'

const ShortcutsHelp = lazy(() => import('./shortcuts-help').then((m) => ({ default: m.ShortcutsHelp })))
const route = getRouteApi('/app')

export function AppLayout() {
  const { session } = route.useRouteContext()
  const [menuOpen, menu] = useDisclosure(false)
  const [helpOpen, help] = useDisclosure(false)
  const phone = useMediaQuery('(max-width: 48em)', false, { getInitialValueInEffect: false })
  const pathname = useLocation({ select: (location) => location.href })
  useShortcuts({ '?': help.toggle })

  // biome-ignore lint/correctness/useExhaustiveDependencies: the menu closes when the page changes
  useEffect(menu.close, [pathname])

  return (
    <SessionProvider value={session}>
      <a href="#main" className={classes.skip}>
        Skip to content
      </a>
      <AppShell
        layout="alt"
        header={{ height: 52, collapsed: !phone }}
        navbar={{ width: 232, breakpoint: 'sm', collapsed: { mobile: !menuOpen } }}
      >
        <AppShell.Header className={classes.header} hidden={!phone}>
          <Group h="100%" px="sm" gap="sm">
            <Burger opened={menuOpen} onClick={menu.toggle} size="sm" aria-label="Menu" aria-expanded={menuOpen} />
            <Logo size={22} />
            <Text fw={650} truncate>
              {session.tenant.name}
            </Text>
          </Group>
        </AppShell.Header>
        <AppShell.Navbar className={classes.navbar} aria-label="Main" inert={phone && !menuOpen}>
          <Sidebar session={session} onShowShortcuts={help.open} onClose={phone ? menu.close : null} />
        </AppShell.Navbar>
        <AppShell.Main id="main" tabIndex={-1} className={classes.main}>
          <Outlet />
        </AppShell.Main>
      </AppShell>
      <Suspense fallback={<VisuallyHidden>Loading</VisuallyHidden>}>
        {helpOpen && <ShortcutsHelp onClose={help.close} />}
      </Suspense>
    </SessionProvider>
  )
}
