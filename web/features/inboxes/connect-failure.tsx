// Why a connection was refused: the server's words, and the steps of the attempt where there are some.
import { Alert, Stack } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import type { CheckReport } from '../../../worker/contract/inboxes'
import { ApiError, messageOf } from '../../lib/http'
import { Report } from './check-steps'

export function ConnectFailure({ error }: { error: unknown }) {
  const report = reportOf(error)
  return (
    <Alert color="red" icon={<IconAlertTriangle />} role="alert" title="Not connected">
      <Stack gap="xs">
        {messageOf(error)}
        {report && <Report report={report} />}
      </Stack>
    </Alert>
  )
}

function reportOf(error: unknown): CheckReport | null {
  const steps = error instanceof ApiError ? error.problem.steps : undefined
  return Array.isArray(steps) ? { ok: false, steps: steps as CheckReport['steps'] } : null
}
