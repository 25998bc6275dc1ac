// The permissions that a Google connection needs: what for, or whether each was given.
import { List, Text, ThemeIcon } from '@mantine/core'
import { IconCheck, IconKey, IconX } from '@tabler/icons-react'
import { isGranted, PERMISSION_LABEL, PERMISSION_REASON, PERMISSIONS } from './google-access'

/** `scopes`: what was granted; null: nothing was asked yet, so the list says why each will be. */
export function Permissions({ scopes }: { scopes: readonly string[] | null }) {
  return (
    <List spacing={6} size="sm" p={0} center={scopes !== null} aria-label="Permissions">
      {PERMISSIONS.map((permission) => {
        const granted = scopes === null ? null : isGranted(permission, scopes)
        return (
          <List.Item key={permission} icon={<PermissionIcon granted={granted} />}>
            <b>{PERMISSION_LABEL[permission]}</b>
            {granted === null && ` ${PERMISSION_REASON[permission]}`}
            {granted === false && (
              <Text span size="sm" c="var(--tone-bad)">
                {' '}
                was not given. Reconnect and leave every box ticked.
              </Text>
            )}
          </List.Item>
        )
      })}
    </List>
  )
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
