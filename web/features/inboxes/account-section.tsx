// The account of an inbox: which one, what it has allowed, and the way to connect it again.
import { Group, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import type { InboxAnswer, MailboxKind } from '../../../worker/contract/inboxes'
import { Section } from '../../components/section'
import { Time } from '../../lib/time'
import { accessEnded, accessNeeded } from './account-access'
import { ConnectAccountButton } from './connect-account-button'
import { MailboxKindChoice } from './mailbox-kind-choice'
import { Permissions } from './permissions'
import { accountOf, VENDOR_NAME, type Vendor } from './vendors'

type Props = {
  inbox: InboxAnswer
  vendor: Vendor
  /** whose mailbox the attempt was for that the browser has just come back from */
  tried: MailboxKind | undefined
}

export function AccountSection({ inbox, vendor, tried }: Props) {
  const account = accountOf(inbox)
  const [chosen, choose] = useState<MailboxKind>(tried ?? 'own')
  // What was granted once says nothing where the access has ended.
  const valid = account !== null && !accessEnded(inbox)
  const kind = account?.kind ?? chosen
  const name = VENDOR_NAME[vendor]
  const needed = accessNeeded(inbox)
  // Whose mailbox it is was asked when the inbox was made, but is only stored once it was connected.
  const asks = vendor === 'microsoft' && account === null
  return (
    <Section
      title={`${name} account`}
      lead={account ? <Account {...account} valid={valid} /> : 'No account is connected.'}
    >
      <Stack gap="sm">
        {asks && <MailboxKindChoice value={chosen} onChange={choose} />}
        {!valid && (
          <Text size="sm">{kind === 'app' ? 'The app needs this:' : `${name} will ask you to allow this:`}</Text>
        )}
        <Permissions
          vendor={vendor}
          kind={kind}
          scopes={valid && kind !== 'app' ? account.scopes : null}
          marks={inbox.markProcessed.action !== 'none'}
        />
        {/* Where access is needed, the notice above has the button, unless there is something to choose first. */}
        {(needed === null || asks) && (
          <Group gap="xs">
            <ConnectAccountButton
              inbox={inbox}
              wish={asks ? { kind: chosen } : {}}
              variant={needed ? 'filled' : 'default'}
            >
              {needed === 'connect' ? `Connect with ${name}` : 'Reconnect'}
            </ConnectAccountButton>
          </Group>
        )}
        <Text size="xs" c="dimmed">
          {inbox.connectedAt
            ? 'Connecting the same account again goes on where it stopped and fetches what arrived in between.'
            : kind === 'app'
              ? 'Postroom opens the mailbox once to see that it may.'
              : `${name} opens in this window and brings you back here.`}
        </Text>
      </Stack>
    </Section>
  )
}

type AccountProps = NonNullable<ReturnType<typeof accountOf>> & { valid: boolean }

function Account({ kind, address, account, grantedAt, valid }: AccountProps) {
  return (
    <>
      {kind === 'own' && address}
      {kind === 'shared' && `Shared mailbox ${address}, opened by ${account ?? 'an account'}`}
      {kind === 'app' && `${address}, opened by the app itself`}
      {valid ? ', allowed ' : ', was allowed '}
      <Time iso={new Date(grantedAt).toISOString()} form="moment" />
    </>
  )
}
