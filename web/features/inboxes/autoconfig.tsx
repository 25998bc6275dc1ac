// Proposes server settings for an address while it is typed. A proposal never waits for, blocks or overwrites a person.
import { Text } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import type { z } from 'zod'
import type { AutoconfigAnswer } from '../../../worker/contract/inboxes'
import { isEmail } from '../../lib/form'
import { autoconfigQuery } from './api'
import type { ConnectionForm, Side } from './connection-form'

type Autoconfig = z.infer<typeof AutoconfigAnswer>

/** Fills the sides that nobody has touched and returns what was proposed. */
export function useAutoconfig(email: string, form: ConnectionForm, enabled: boolean): Autoconfig | null {
  const [settled] = useDebouncedValue(email.trim().toLowerCase(), 400)
  const { data } = useQuery({ ...autoconfigQuery(settled), enabled: enabled && isEmail(settled) })
  // biome-ignore lint/correctness/useExhaustiveDependencies: only a new proposal may write into the form
  useEffect(() => {
    if (!data) return
    for (const side of ['imap', 'smtp'] as const satisfies Side[]) {
      const proposed = data[side]
      if (!proposed || form.isTouched(`${side}.host`)) continue
      const { password } = form.values[side]
      form.setFieldValue(side, { ...proposed, password })
    }
  }, [data])
  return data ?? null
}

export function AutoconfigHint({ suggestion }: { suggestion: Autoconfig | null }) {
  return (
    <Text size="sm" c="dimmed" role="status">
      {suggestion?.imap ? 'The usual settings of this provider are filled in. Check them.' : ''}
      {suggestion?.hint ? ` ${suggestion.hint}` : ''}
    </Text>
  )
}
