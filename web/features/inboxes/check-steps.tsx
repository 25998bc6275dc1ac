// What a test of a connection found, step by step, with what to do about a failure.
import { Alert, Group, Loader, Text } from '@mantine/core'
import { IconAlertTriangle, IconCheck, IconX } from '@tabler/icons-react'
import type { UseMutationResult } from '@tanstack/react-query'
import type { CheckReport, CheckStep } from '../../../worker/contract/inboxes'
import { messageOf } from '../../lib/http'
import classes from './inboxes.module.css'

type Check = Pick<UseMutationResult<CheckReport, Error, never>, 'data' | 'error' | 'isPending'>

export function CheckSteps({ check, running }: { check: Check; running: string }) {
  return (
    <div aria-live="polite">
      {check.isPending && (
        <Group gap="xs">
          <Loader size="xs" aria-hidden />
          <Text size="sm">{running}</Text>
        </Group>
      )}
      {check.error && !check.isPending && (
        <Alert color="red" title="The test could not run">
          {messageOf(check.error)}
        </Alert>
      )}
      {check.data && !check.isPending && <Report report={check.data} />}
    </div>
  )
}

export function Report({ report }: { report: CheckReport }) {
  return (
    <>
      <Text size="sm" fw={600} mb={4}>
        {report.ok ? 'It works.' : 'It does not work yet. Look at the first step that failed.'}
      </Text>
      <ol className={classes.steps}>
        {report.steps.map((step, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a report's steps never move, and names repeat for both sides
          <li key={index} className={classes.step} data-status={step.status}>
            <StepIcon status={step.status} />
            <div>
              <Text size="sm" component="div">
                <b>{step.name}</b> {step.detail}{' '}
                <Text span size="xs" c="dimmed">
                  {step.ms} ms
                </Text>
              </Text>
              {step.hint && (
                <Text size="sm" className={classes.hint}>
                  {step.hint}
                </Text>
              )}
            </div>
          </li>
        ))}
      </ol>
    </>
  )
}

function StepIcon({ status }: { status: CheckStep['status'] }) {
  if (status === 'pass') return <IconCheck size={18} role="img" aria-label="passed" />
  if (status === 'warn') return <IconAlertTriangle size={18} role="img" aria-label="warning" />
  return <IconX size={18} role="img" aria-label="failed" />
}
