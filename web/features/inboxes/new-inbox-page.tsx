// Adding an inbox: how mail comes in, the details, the name. The record is made first and connected next; a refused
// connection keeps everything typed, and trying again uses the same record.
import { Alert, Button, Group, Paper, Stack, Stepper, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { Page } from '../../components/page'
import { fieldErrors, rules } from '../../lib/form'
import { AutoconfigHint, useAutoconfig } from './autoconfig'
import { ConnectFailure } from './connect-failure'
import { ConnectionFields } from './connection-fields'
import { connectionErrors, connectionValues } from './connection-form'
import { GoogleDetails } from './google-details'
import { InboxNaming } from './inbox-naming'
import { InboxTypeStep } from './inbox-type-step'
import { MicrosoftDetails } from './microsoft-details'
import { nameFrom } from './new-inbox-names'
import { type NewInboxValues, useAddInbox } from './use-add-inbox'
import { VendorIcon } from './vendor-icon'
import { isVendor, VENDOR_NAME, type Vendor } from './vendors'

type Type = NewInboxValues['type']

/** An account brings its servers along, so there is less to ask. */
const STEPS: Record<Type, string[]> = {
  imap: ['Type', 'Details', 'Name'],
  forward: ['Type', 'Details', 'Name'],
  google: ['Type', 'Account'],
  microsoft: ['Type', 'Account'],
}
const DONE: Record<Type, string> = {
  imap: 'Save and connect',
  forward: 'Save inbox',
  google: 'Connect with Google',
  microsoft: 'Connect with Microsoft',
}

export function NewInboxPage() {
  const navigate = useNavigate()
  const [step, setStep] = useState(0)
  const details = useForm({
    initialValues: {
      type: 'imap' as Type,
      kind: 'own' as NewInboxValues['kind'],
      email: '',
      name: '',
      displayName: '',
      importDays: '30',
    },
    validate: { email: rules.email },
  })
  const connection = useForm({ initialValues: connectionValues(null) })
  const { type } = details.values
  const steps = STEPS[type]
  const vendor = isVendor(type) ? type : null
  const receives = type === 'imap'
  const autoconfig = useAutoconfig(details.values.email, connection, receives && step === 1)
  const better = BETTER.get(autoconfig?.imap?.host ?? '')
  const add = useAddInbox()

  const next = () => {
    if (step === 1 && !detailsAreRight()) return
    setStep(step + 1)
  }
  const detailsAreRight = () => {
    const emailWrong = details.validateField('email').hasError
    const errors = vendor ? {} : connectionErrors(connection.values, receives)
    connection.setErrors(errors)
    return !emailWrong && Object.keys(errors).length === 0
  }
  const finish = () => {
    if (!detailsAreRight()) return setStep(1)
    const name = details.values.name.trim() || nameFrom(details.values.email)
    add.mutate(
      { ...details.values, name, importDays: Number(details.values.importDays), connection: connection.values },
      {
        onSuccess: async ({ inbox, leaveTo }) => {
          // In place of this page: "Back" from the provider must not come to a form for an inbox that is made already.
          await navigate({ to: '/inboxes/$inboxId', params: { inboxId: inbox.id }, replace: leaveTo !== null })
          if (leaveTo) window.location.assign(leaveTo)
        },
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
        {steps.map((label) => (
          <Stepper.Step key={label} label={label} />
        ))}
      </Stepper>
      <Paper withBorder p="md" bg="var(--surface)">
        <form
          noValidate
          onSubmit={(event) => {
            event.preventDefault()
            if (step < steps.length - 1) next()
            else finish()
          }}
        >
          <Stack gap="md">
            {add.error && <ConnectFailure error={add.error} />}
            {step === 0 && <InboxTypeStep value={type} onChange={(chosen) => details.setFieldValue('type', chosen)} />}
            {step === 1 && type === 'google' && <GoogleDetails form={details} />}
            {step === 1 && type === 'microsoft' && <MicrosoftDetails form={details} />}
            {step === 1 && !vendor && (
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
                {better && <BetterWay vendor={better} onChoose={() => details.setFieldValue('type', better)} />}
                <ConnectionFields form={connection} receives={receives} inbox={null} />
              </>
            )}
            {step === 2 && <InboxNaming form={details} suggested={nameFrom(details.values.email)} />}
            <Group justify="space-between">
              <Button
                variant="default"
                onClick={() => (step === 0 ? void navigate({ to: '/inboxes' }) : setStep(step - 1))}
                disabled={add.isPending}
              >
                {step === 0 ? 'Cancel' : 'Back'}
              </Button>
              <Group gap="sm" ml="auto">
                <Text size="sm" c="dimmed" role="status">
                  {add.isPending ? add.progress : ''}
                </Text>
                <Button
                  type="submit"
                  loading={add.isPending || add.isSuccess}
                  leftSection={vendor && step > 0 ? <VendorIcon vendor={vendor} size={18} /> : null}
                >
                  {step < steps.length - 1 ? 'Continue' : DONE[type]}
                </Button>
              </Group>
            </Group>
          </Stack>
        </form>
      </Paper>
    </Page>
  )
}

/** Servers whose mailboxes are better connected by signing in. */
const BETTER = new Map<string, Vendor>([
  ['imap.gmail.com', 'google'],
  ['outlook.office365.com', 'microsoft'],
])
const WHY: Record<Vendor, string> = {
  google: 'Signed in with Google it needs no app password, and new mail can be pushed within seconds.',
  microsoft: 'Microsoft takes no passwords from mail programs any more. Sign in with Microsoft instead.',
}

/** Somebody who types such an address into the password form is told of the better way. */
function BetterWay({ vendor, onChoose }: { vendor: Vendor; onChoose: () => void }) {
  const name = VENDOR_NAME[vendor]
  return (
    <Alert color="gray" icon={<VendorIcon vendor={vendor} />} title={`This mailbox is with ${name}`}>
      <Group justify="space-between" gap="sm">
        <Text size="sm" flex="1 1 14rem">
          {WHY[vendor]}
        </Text>
        <Button size="xs" variant="default" onClick={onChoose}>
          Use {name} instead
        </Button>
      </Group>
    </Alert>
  )
}
