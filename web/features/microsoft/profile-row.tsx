// One profile: what it is, what it serves, and what can be done with it.
import { ActionIcon, Badge, Group, Menu, Text } from '@mantine/core'
import { IconDots } from '@tabler/icons-react'
import { useState } from 'react'
import type { ProfileAnswer } from '../../../worker/contract/microsoft'
import { notifyDone, notifyError } from '../../lib/notify'
import { Time } from '../../lib/time'
import { type Parting, useMakeDefault, useRestoreProfile } from './api'
import classes from './microsoft.module.css'
import { capabilityLabel, consumerList, directoryWords } from './microsoft-words'
import { PartingDialog } from './parting-dialog'
import { ProfileDialog } from './profile-dialog'

export function ProfileRow({ profile }: { profile: ProfileAnswer }) {
  const [open, setOpen] = useState<'edit' | Parting | null>(null)
  const makeDefault = useMakeDefault(profile.id)
  const restore = useRestoreProfile(profile.id)
  const { displayName, archivedAt, isDefault, hasSecret, boundConsumers, capabilities } = profile
  const close = () => setOpen(null)
  return (
    <li className={classes.profile}>
      <div className={classes.body}>
        <Group gap={6}>
          <Text fw={600}>{displayName}</Text>
          {isDefault && <Note>Default</Note>}
          {archivedAt && <Note>Archived</Note>}
          {!hasSecret && <Note>No secret</Note>}
        </Group>
        <Text size="sm" c="dimmed">
          Client id {profile.clientId} · {directoryWords(profile.directoryTenant)}
        </Text>
        <Text size="sm">
          {boundConsumers.length > 0 ? `Serves ${consumerList(boundConsumers)}` : 'Serves nothing yet'}
          {capabilities.length > 0 && ` · set up for ${capabilities.map(capabilityLabel).join(', ')}`}
        </Text>
        <Consent {...profile.consent} />
      </div>
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" aria-label={`More about ${displayName}`}>
            <IconDots size={18} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {!archivedAt && <Menu.Item onClick={() => setOpen('edit')}>Edit</Menu.Item>}
          {!archivedAt && !isDefault && (
            <Menu.Item
              onClick={() =>
                makeDefault.mutate(undefined, {
                  onSuccess: () => notifyDone(`${displayName} is marked as the default.`),
                  onError: notifyError,
                })
              }
            >
              Make default
            </Menu.Item>
          )}
          {!archivedAt && <Menu.Item onClick={() => setOpen('archive')}>Archive</Menu.Item>}
          {archivedAt && (
            <Menu.Item
              onClick={() =>
                restore.mutate(undefined, {
                  onSuccess: () => notifyDone(`${displayName} is back.`),
                  onError: notifyError,
                })
              }
            >
              Restore
            </Menu.Item>
          )}
          <Menu.Item c="var(--tone-bad)" onClick={() => setOpen('delete')}>
            Delete
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {open === 'edit' && <ProfileDialog profile={profile} onClose={close} />}
      {(open === 'archive' || open === 'delete') && <PartingDialog profile={profile} how={open} onClose={close} />}
    </li>
  )
}

function Note({ children }: { children: string }) {
  return (
    <Badge size="sm" variant="default" tt="none" fw={500}>
      {children}
    </Badge>
  )
}

function Consent({ required, grantedAt }: ProfileAnswer['consent']) {
  if (!required) return null
  return (
    <Text size="sm" c={grantedAt ? 'dimmed' : 'var(--tone-warn)'}>
      {grantedAt ? (
        <>
          An administrator agreed <Time iso={grantedAt} form="moment" />
        </>
      ) : (
        'An administrator of the directory has not agreed yet'
      )}
    </Text>
  )
}
