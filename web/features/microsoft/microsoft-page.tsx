// Settings → Integrations → Microsoft: the app registrations of the workspace, and which of them serves what.
import { Button, List, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconBrandWindows, IconPlus } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { Page } from '../../components/page'
import { Section } from '../../components/section'
import { EmptyState, ErrorState, ListSkeleton } from '../../components/states'
import { bindingsQuery, profilesQuery } from './api'
import { BindingSection } from './binding-section'
import { ConsentResultAlert } from './consent-result-alert'
import classes from './microsoft.module.css'
import { shownBindings } from './microsoft-words'
import { ProfileDialog } from './profile-dialog'
import { ProfileRow } from './profile-row'

const route = getRouteApi('/app/settings/integrations/microsoft')

export function MicrosoftPage() {
  const [adding, add] = useDisclosure(false)
  const profiles = useQuery(profilesQuery)
  const bindings = useQuery(bindingsQuery)
  return (
    <Page
      title="Microsoft"
      width={860}
      actions={
        <Button leftSection={<IconPlus size={18} />} onClick={add.open}>
          Add profile
        </Button>
      }
    >
      <ConsentResultAlert search={route.useSearch()} />
      <Text size="sm" c="dimmed" mb="md">
        Settings → Integrations. A profile is an app registration of yours in Microsoft Entra. Each use below names the
        profile that serves it; nothing is taken in its place.
      </Text>
      <Section title="Profiles">
        {profiles.isPending && <ListSkeleton rows={2} />}
        {profiles.isError && (
          <ErrorState
            title="The profiles could not be loaded"
            error={profiles.error}
            retry={() => void profiles.refetch()}
          />
        )}
        {profiles.data?.length === 0 && <FirstProfile />}
        <ul className={classes.list} aria-label="Profiles">
          {profiles.data?.map((profile) => (
            <ProfileRow key={profile.id} profile={profile} />
          ))}
        </ul>
      </Section>
      {bindings.isPending && <ListSkeleton rows={2} height={160} />}
      {bindings.isError && (
        <ErrorState
          title="What the profiles serve could not be loaded"
          error={bindings.error}
          retry={() => void bindings.refetch()}
        />
      )}
      {bindings.data &&
        shownBindings(bindings.data).map((binding) => (
          <BindingSection key={binding.consumer} binding={binding} profiles={profiles.data ?? []} />
        ))}
      {adding && <ProfileDialog profile={null} onClose={add.close} />}
    </Page>
  )
}

function FirstProfile() {
  return (
    <>
      <EmptyState icon={<IconBrandWindows />} title="No profile yet">
        Register an app at Microsoft once, then add it here.
      </EmptyState>
      <List type="ordered" size="sm" spacing={4}>
        <List.Item>In the Microsoft Entra admin centre, open App registrations and choose New registration.</List.Item>
        <List.Item>As platform choose Web, and enter the redirect address that is shown below.</List.Item>
        <List.Item>Under API permissions add the permissions that are shown below.</List.Item>
        <List.Item>Under Certificates &amp; secrets make a client secret, and copy its value.</List.Item>
        <List.Item>Add a profile here with the client id, the secret and the directory.</List.Item>
      </List>
    </>
  )
}
