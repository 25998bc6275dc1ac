// Entry of the UI: providers around the router.
import './mantine-styles'
import './styles.css'
import { MantineProvider } from '@mantine/core'
import { Notifications } from '@mantine/notifications'
import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { reloadForNewVersion } from './lib/new-version'
import { createQueryClient } from './lib/query-client'
import { createAppRouter } from './router'
import { theme } from './theme'

const queryClient = createQueryClient(() => {
  const { pathname, href } = router.state.location
  if (pathname === '/sign-in') return
  queryClient.removeQueries({ queryKey: ['session'] })
  void router.navigate({ to: '/sign-in', search: { redirect: href, expired: true } })
})
const router = createAppRouter(queryClient)

reloadForNewVersion()

const root = document.getElementById('root')
if (!root) throw new Error('index.html has no #root')
createRoot(root).render(
  <StrictMode>
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <Notifications position="bottom-right" />
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
)
