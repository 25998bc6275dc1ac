// The permissions that an account's connection needs: what for, or whether each was given.
import { List, Text, ThemeIcon } from '@mantine/core'
import { IconCheck, IconKey, IconX } from '@tabler/icons-react'
import type { MailboxKind } from '../../../worker/contract/inboxes'
import { isGranted, PERMISSION_LABEL, PERMISSIONS, permissionReason } from './account-access'
import type { Vendor } from './vendors'

type Props = {
  vendor: Vendor
  kind: MailboxKind
  /** what was granted; null: nothing was asked yet, so the list says why each will be */
  scopes: readonly string[] | null
  /** mail is marked in its mailbox, which is asked for as well */
  marks?: boolean
}

export function Permissions({ vendor, kind, scopes, marks = false }: Props) {
  return (
    <List spacing={6} size="sm" p={0} center={scopes !== null} aria-label="Permissions">
      {PERMISSIONS.map((permission) => {
        const granted = scopes === null ? null : isGranted(permission, scopes)
        return (
          <List.Item key={permission} icon={<PermissionIcon granted={granted} />}>
            <b>{PERMISSION_LABEL[kind][permission]}</b>
            {granted === null && ` ${permissionReason(permission, vendor, marks)}`}
            {granted === false && (
              <Text span size="sm" c="var(--tone-bad)">
                {' '}
                was not given. {REMEDY[vendor]}
              </Text>
            )}
          </List.Item>
        )
      })}
    </List>
  )
}

const REMEDY: Record<Vendor, string> = {
  google: 'Reconnect and leave every box ticked.',
  microsoft: 'Ask an administrator of your directory to allow it, then reconnect.',
}

function PermissionIcon({ granted }: { granted: boolean | null }) {
  if (granted === null) {
    return (
      <ThemeIcon size={22} radius="xl" variant="default">
        <IconKey size={14} aria-hidden />
      </ThemeIcon>
    )
  }
  return (
    <ThemeIcon size={22} radius="xl" variant="default" c={granted ? 'var(--tone-good)' : 'var(--tone-bad)'}>
      {granted ? (
        <IconCheck size={14} role="img" aria-label="given" />
      ) : (
        <IconX size={14} role="img" aria-label="not given" />
      )}
    </ThemeIcon>
  )
}
