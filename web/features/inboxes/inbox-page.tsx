// One inbox: how it is doing, its settings, its connection, and how to part with it.
import { Alert, Button, Code, CopyButton, Group, Select, Stack, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { IconListDetails, IconPlayerPause, IconPlayerPlay, IconRefresh, IconStethoscope } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useEffect } from 'react'
import type { InboxAnswer } from '../../../worker/contract/inboxes'
import { ButtonLink, TextLink } from '../../components/links'
import { Page } from '../../components/page'
import { Section } from '../../components/section'
import { ErrorState, NotFound, PageSkeleton } from '../../components/states'
import { fieldErrors, rules } from '../../lib/form'
import { count } from '../../lib/format'
import { ApiError } from '../../lib/http'
import { notifyDone, notifyError } from '../../lib/notify'
import { useMay } from '../session/session-context'
import { accessEnded } from './account-access'
import { AccountSection } from './account-section'
import { inboxQuery, useDiagnose, useInboxAction, useSyncNow, useUpdateInbox } from './api'
import { CheckSteps } from './check-steps'
import { ConnectResultAlert } from './connect-result-alert'
import { CopySupportBundle } from './copy-support-bundle'
import { DeliverySection } from './delivery-section'
import { IMPORT_CHOICES } from './import-choices'
import { InboxFacts, InboxNotice, InboxState } from './inbox-status'
import { MarkSection } from './mark-section'
import { PartWithInbox } from './part-with-inbox'
import { ServersSection } from './servers-section'
import { accountOf, VENDOR_NAME, vendorOf } from './vendors'

const route = getRouteApi('/app/inboxes/$inboxId')

export function InboxPage() {
  const { inboxId } = route.useParams()
  const search = route.useSearch()
  const inbox = useQuery(inboxQuery(inboxId))
  const mayManage = useMay('inboxes:manage')
  const mayReadLedger = useMay('ledger:read')
  const loaded = inbox.data !== undefined
  useEffect(() => {
    if (loaded && window.location.hash === '#connection') document.getElementById('connection')?.scrollIntoView()
  }, [loaded])
  if (inbox.isPending) return <PageSkeleton />
  if (!inbox.data) {
    if (inbox.error instanceof ApiError && inbox.error.status === 404) return <NotFound />
    return (
      <Page title="Inbox">
        <ErrorState title="The inbox could not be loaded" error={inbox.error} retry={() => void inbox.refetch()} />
      </Page>
    )
  }
  const vendor = vendorOf(inbox.data)
  return (
    <Page
      key={inboxId}
      title={inbox.data.name}
      width={860}
      actions={
        mayReadLedger && (
          <ButtonLink
            variant="default"
            leftSection={<IconListDetails size={18} />}
            to="/inboxes/$inboxId/ledger"
            params={{ inboxId }}
          >
            Every mail
          </ButtonLink>
        )
      }
    >
      {mayManage && <ConnectResultAlert inbox={inbox.data} search={search} />}
      <StatusSection inbox={inbox.data} mayManage={mayManage} />
      {vendor && !accessEnded(inbox.data) && !inbox.data.archivedAt && (
        <DeliverySection inbox={inbox.data} vendor={vendor} />
      )}
      {inbox.data.connectionType === 'forward' && <ForwardSection address={inbox.data.emailAddress} />}
      {mayManage && !inbox.data.archivedAt && (
        <>
          <div id="connection">
            {vendor ? (
              <AccountSection inbox={inbox.data} vendor={vendor} tried={search.mailbox} />
            ) : (
              <ServersSection inbox={inbox.data} />
            )}
          </div>
          {vendor === 'microsoft' && <MarkSection inbox={inbox.data} />}
          <SettingsSection inbox={inbox.data} />
        </>
      )}
      {mayManage && <PartWithInbox inbox={inbox.data} />}
      <TextLink to="/inboxes" size="sm">
        All inboxes
      </TextLink>
    </Page>
  )
}

function StatusSection({ inbox, mayManage }: { inbox: InboxAnswer; mayManage: boolean }) {
  const sync = useSyncNow(inbox.id)
  const act = useInboxAction(inbox.id)
  const diagnose = useDiagnose(inbox.id)
  const vendor = vendorOf(inbox)
  const receiving = inbox.connection?.imap ?? accountOf(inbox)
  const fetches = inbox.connectionType !== 'forward' && receiving !== null && !inbox.archivedAt
  const locked = accessEnded(inbox)
  return (
    <Section title="Status" lead={inbox.emailAddress} actions={<InboxState inbox={inbox} />}>
      <InboxFacts inbox={inbox} />
      <InboxNotice inbox={inbox} onPage />
      {mayManage && fetches && (
        <Group gap="xs" mt="md">
          <Button
            leftSection={<IconRefresh size={18} />}
            loading={sync.isPending}
            disabled={inbox.pausedAt !== null || locked}
            onClick={() =>
              sync.mutate(undefined, {
                onSuccess: ({ found }) =>
                  notifyDone(found === 0 ? 'No new mail.' : `${count(found, 'new mail')} found; tickets follow.`),
                onError: notifyError,
              })
            }
          >
            Sync now
          </Button>
          <Button
            variant="default"
            leftSection={<IconStethoscope size={18} />}
            loading={diagnose.isPending}
            onClick={() => diagnose.mutate()}
          >
            Diagnose
          </Button>
          <Button
            variant="default"
            leftSection={inbox.pausedAt ? <IconPlayerPlay size={18} /> : <IconPlayerPause size={18} />}
            loading={act.isPending}
            disabled={locked}
            onClick={() => act.mutate(inbox.pausedAt ? 'resume' : 'pause', { onError: notifyError })}
          >
            {inbox.pausedAt ? 'Resume' : 'Pause'}
          </Button>
        </Group>
      )}
      {(diagnose.isPending || diagnose.data || diagnose.error) && (
        <Stack mt="md" gap="sm">
          <CheckSteps
            check={diagnose}
            running={`Asking ${vendor ? VENDOR_NAME[vendor] : 'the servers'}. This takes up to half a minute.`}
          />
          {diagnose.data && !diagnose.isPending && <CopySupportBundle inbox={inbox} report={diagnose.data} />}
        </Stack>
      )}
    </Section>
  )
}

function ForwardSection({ address }: { address: string }) {
  return (
    <Section title="Where mail has to go">
      <Stack gap="sm" align="start">
        <Group gap="xs">
          <Code fz="md">{address}</Code>
          <CopyButton value={address}>
            {({ copied, copy }) => (
              <Button size="compact-sm" variant="default" onClick={copy}>
                {copied ? 'Copied' : 'Copy'}
              </Button>
            )}
          </CopyButton>
        </Group>
        <Text size="sm">
          In Cloudflare, under Email Routing, send this address to this Worker. Then either publish the address itself,
          or set up a forward to it in your present mailbox. Every mail that arrives becomes a ticket.
        </Text>
      </Stack>
    </Section>
  )
}

function SettingsSection({ inbox }: { inbox: InboxAnswer }) {
  const update = useUpdateInbox(inbox.id)
  const form = useForm({
    initialValues: { name: inbox.name, displayName: inbox.displayName, importDays: String(inbox.importDays) },
    validate: { name: rules.required('The name') },
  })
  const choices = IMPORT_CHOICES.some((choice) => choice.value === form.values.importDays)
    ? IMPORT_CHOICES
    : [...IMPORT_CHOICES, { value: form.values.importDays, label: `The last ${form.values.importDays} days` }]
  const submit = form.onSubmit((values) =>
    update.mutate(
      { name: values.name, displayName: values.displayName || values.name, importDays: Number(values.importDays) },
      {
        onSuccess: () => notifyDone('Saved.'),
        onError: (error) => {
          form.setErrors(fieldErrors(error))
          notifyError(error)
        },
      },
    ),
  )
  return (
    <Section title="Settings">
      <form onSubmit={submit} noValidate>
        <Stack gap="sm" maw={440}>
          <TextInput label="Name" description="What your team calls it" {...form.getInputProps('name')} />
          <TextInput
            label="Display name"
            description="What customers see as the sender"
            {...form.getInputProps('displayName')}
          />
          {inbox.connectionType !== 'forward' && (
            <Select
              label="Import"
              description="How far back the first import goes"
              data={choices}
              allowDeselect={false}
              {...form.getInputProps('importDays')}
            />
          )}
          {inbox.connectedAt && inbox.connectionType !== 'forward' && form.isDirty('importDays') && (
            <Alert color="gray">The mailbox was imported already; this counts when it is connected anew.</Alert>
          )}
          <Group>
            <Button type="submit" loading={update.isPending} disabled={!form.isDirty()}>
              Save settings
            </Button>
          </Group>
        </Stack>
      </form>
    </Section>
  )
}
