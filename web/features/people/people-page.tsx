// People of the workspace: who is in, with which role, and who is invited.
import { ActionIcon, Avatar, Badge, Button, Group, Menu, Select, Stack, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconDots, IconUserPlus } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import type { UserAnswer } from '../../../worker/contract/auth'
import { ROLES, type Role } from '../../../worker/contract/permissions'
import { Page } from '../../components/page'
import { Section } from '../../components/section'
import { ErrorState, ListSkeleton } from '../../components/states'
import { notifyDone, notifyError } from '../../lib/notify'
import { Time } from '../../lib/time'
import { useMay, useSession } from '../session/session-context'
import { invitationsQuery, useRevokeInvitation, usersQuery, useUpdateUser } from './api'
import { InviteDialog } from './invite-dialog'
import classes from './people.module.css'
import { ROLE_LABEL } from './roles'

export function PeoplePage() {
  const [inviting, invite] = useDisclosure(false)
  const users = useQuery(usersQuery)
  const mayInvite = useMay('users:invite')
  return (
    <Page
      title="People"
      width={860}
      actions={
        mayInvite && (
          <Button leftSection={<IconUserPlus size={18} />} onClick={invite.open}>
            Invite
          </Button>
        )
      }
    >
      <Section title="Members">
        {users.isPending && <ListSkeleton rows={3} />}
        {users.isError && (
          <ErrorState title="The people could not be loaded" error={users.error} retry={() => void users.refetch()} />
        )}
        <ul className={classes.list}>
          {users.data?.map((user) => (
            <Member key={user.id} user={user} />
          ))}
        </ul>
      </Section>
      {mayInvite && <Invitations />}
      {inviting && <InviteDialog onClose={invite.close} />}
    </Page>
  )
}

function Member({ user }: { user: UserAnswer }) {
  const session = useSession()
  const mayManage = useMay('users:manage')
  const update = useUpdateUser()
  const own = user.id === session.user.id
  const change = (patch: { role?: Role; disabled?: boolean }, done: string) =>
    update.mutate({ id: user.id, ...patch }, { onSuccess: () => notifyDone(done), onError: notifyError })
  return (
    <li className={classes.row}>
      <Avatar name={user.name} color="pine" aria-hidden />
      <div className={classes.who}>
        <Text size="sm" fw={550}>
          {user.name}{' '}
          {own && (
            <Text span size="xs" c="dimmed">
              (you)
            </Text>
          )}{' '}
          {user.disabledAt && (
            <Badge size="sm" variant="default" tt="none">
              Disabled
            </Badge>
          )}
        </Text>
        <Text size="xs" c="dimmed" truncate>
          {user.email}
        </Text>
      </div>
      {mayManage && !own ? (
        <>
          <Select
            size="xs"
            w={110}
            aria-label={`Role of ${user.name}`}
            data={ROLES.map((role) => ({ value: role, label: ROLE_LABEL[role] }))}
            value={user.role}
            allowDeselect={false}
            disabled={update.isPending}
            onChange={(role) => role && change({ role: role as Role }, `${user.name} is now ${role}.`)}
          />
          <Menu position="bottom-end">
            <Menu.Target>
              <ActionIcon variant="subtle" color="gray" aria-label={`More about ${user.name}`}>
                <IconDots size={18} />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              {user.disabledAt ? (
                <Menu.Item onClick={() => change({ disabled: false }, `${user.name} can sign in again.`)}>
                  Enable
                </Menu.Item>
              ) : (
                <Menu.Item
                  color="red"
                  onClick={() => change({ disabled: true }, `${user.name} is signed out for good.`)}
                >
                  Disable
                </Menu.Item>
              )}
            </Menu.Dropdown>
          </Menu>
        </>
      ) : (
        <Text size="sm" c="dimmed">
          {ROLE_LABEL[user.role]}
        </Text>
      )}
    </li>
  )
}

function Invitations() {
  const invitations = useQuery(invitationsQuery)
  const revoke = useRevokeInvitation()
  if (!invitations.data?.length) return null
  return (
    <Section
      title="Invited"
      lead="They have not accepted yet. To send a link again, take it back and invite once more."
    >
      <Stack gap="sm">
        {invitations.data.map((invitation) => (
          <Group key={invitation.id} justify="space-between" wrap="nowrap">
            <div className={classes.who}>
              <Text size="sm" truncate>
                {invitation.email}
              </Text>
              <Text size="xs" c="dimmed">
                {ROLE_LABEL[invitation.role]} · ends <Time iso={invitation.expiresAt} form="relative" />
              </Text>
            </div>
            <Button
              size="xs"
              variant="default"
              aria-label={`Take back the invitation of ${invitation.email}`}
              onClick={() => revoke.mutate(invitation.id, { onError: notifyError })}
            >
              Take back
            </Button>
          </Group>
        ))}
      </Stack>
    </Section>
  )
}
