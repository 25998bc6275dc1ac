// Adding an inbox: how mail comes in, the details, the name. The record is made first and connected next; a refused
// connection keeps everything typed, and trying again uses the same record.
import { Alert, Button, Group, Paper, Radio, Select, Stack, Stepper, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { Page } from '../../components/page'
import { fieldErrors, rules } from '../../lib/form'
import { AutoconfigHint, useAutoconfig } from './autoconfig'
import { ConnectFailure } from './connect-failure'
import { ConnectionFields } from './connection-fields'
import { connectionErrors, connectionValues } from './connection-form'
import { IMPORT_CHOICES } from './import-choices'
import { type NewInboxValues, useAddInbox } from './use-add-inbox'

const STEPS = ['Type', 'Details', 'Name'] as const

export function NewInboxPage() {
  const navigate = useNavigate()
  const [step, setStep] = useState(0)
  const details = useForm({
    initialValues: { type: 'imap' as NewInboxValues['type'], email: '', name: '', displayName: '', importDays: '30' },
    validate: { email: rules.email, name: rules.required('The name') },
  })
  const connection = useForm({ initialValues: connectionValues(null) })
  const receives = details.values.type === 'imap'
  const autoconfig = useAutoconfig(details.values.email, connection, receives && step === 1)
  const add = useAddInbox()

  const next = () => {
    if (step === 1 && !detailsAreRight()) return
    if (step === 1 && !details.values.name) details.setFieldValue('name', nameFrom(details.values.email))
    setStep(step + 1)
  }
  const detailsAreRight = () => {
    const emailWrong = details.validateField('email').hasError
    const errors = connectionErrors(connection.values, receives)
    connection.setErrors(errors)
    return !emailWrong && Object.keys(errors).length === 0
  }
  const finish = () => {
    if (details.validateField('name').hasError) return
    add.mutate(
      { ...details.values, importDays: Number(details.values.importDays), connection: connection.values },
      {
        onSuccess: (inbox) => navigate({ to: '/inboxes/$inboxId', params: { inboxId: inbox.id } }),
        onError: (error) => {
          const fields = fieldErrors(error)
          details.setErrors({
            ...(fields.name ? { name: fields.name } : {}),
            ...(fields.emailAddress ? { email: fields.emailAddress } : {}),
          })
          connection.setErrors(fields)
          setStep(1)
        },
      },
    )
  }

  return (
    <Page title="Add inbox" width={760}>
      <Stepper
        active={step}
        onStepClick={(to) => to < step && setStep(to)}
        size="sm"
        mb="md"
        allowNextStepsSelect={false}
      >
        {STEPS.map((label) => (
          <Stepper.Step key={label} label={label} />
        ))}
      </Stepper>
      <Paper withBorder p="md" bg="var(--surface)">
        <form
          noValidate
          onSubmit={(event) => {
            event.preventDefault()
            if (step < STEPS.length - 1) next()
            else finish()
          }}
        >
          <Stack gap="md">
            {add.error && <ConnectFailure error={add.error} />}
            {step === 0 && (
              <TypeStep value={details.values.type} onChange={(type) => details.setFieldValue('type', type)} />
            )}
            {step === 1 && (
              <>
                <TextInput
                  label="Email"
                  description={
                    receives ? 'The mailbox to connect' : 'The address that will receive mail for this inbox'
                  }
                  type="email"
                  autoComplete="off"
                  data-autofocus
                  {...details.getInputProps('email')}
                />
                {receives && <AutoconfigHint suggestion={autoconfig} />}
                <ConnectionFields form={connection} receives={receives} inbox={null} />
              </>
            )}
            {step === 2 && (
              <>
                <TextInput label="Name" description="What your team calls it" {...details.getInputProps('name')} />
                <TextInput
                  label="Display name"
                  description="What customers see as the sender. Empty: the same as the name"
                  {...details.getInputProps('displayName')}
                />
                {receives && (
                  <Select
                    label="Import"
                    description="Mail that is in the mailbox already"
                    data={IMPORT_CHOICES}
                    allowDeselect={false}
                    {...details.getInputProps('importDays')}
                  />
                )}
              </>
            )}
            <Group justify="space-between">
              <Button
                variant="default"
                onClick={() => (step === 0 ? void navigate({ to: '/inboxes' }) : setStep(step - 1))}
                disabled={add.isPending}
              >
                {step === 0 ? 'Cancel' : 'Back'}
              </Button>
              <Group gap="sm">
                <Text size="sm" c="dimmed" role="status">
                  {add.isPending ? add.progress : ''}
                </Text>
                <Button type="submit" loading={add.isPending}>
                  {step < STEPS.length - 1 ? 'Continue' : receives ? 'Save and connect' : 'Save inbox'}
                </Button>
              </Group>
            </Group>
          </Stack>
        </form>
      </Paper>
    </Page>
  )
}

type TypeProps = { value: NewInboxValues['type']; onChange: (type: NewInboxValues['type']) => void }

function TypeStep({ value, onChange }: TypeProps) {
  return (
    <Radio.Group
      label="How does mail come in?"
      value={value}
      onChange={(type) => onChange(type === 'forward' ? 'forward' : 'imap')}
    >
      <Stack gap="sm" mt="xs">
        <Radio
          value="imap"
          label="Connect a mailbox (IMAP and SMTP)"
          description="Postroom signs in to the mailbox and fetches its mail. Works with nearly every provider."
        />
        <Radio
          value="forward"
          label="Forwarding address"
          description="Mail is sent or forwarded to an address that Postroom receives itself. No password is needed to receive."
        />
      </Stack>
      {value === 'forward' && (
        <Alert mt="md" color="gray">
          The address has to belong to a domain whose Email Routing sends mail to this Worker. Point a route at it, then
          forward your mail there.
        </Alert>
      )}
    </Radio.Group>
  )
}

/** 'support@example.com' → 'Support' */
function nameFrom(email: string): string {
  const local = email.split('@')[0] ?? ''
  return local.charAt(0).toUpperCase() + local.slice(1)
}
