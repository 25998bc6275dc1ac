// One use of Microsoft: which profile serves it, whether that works, and what has to be registered at Microsoft for it.
import { Alert, Button, Group, Select, Stack, Text } from '@mantine/core'
import { type ReactNode, useState } from 'react'
import type { BindingAnswer, ProfileAnswer } from '../../../worker/contract/microsoft'
import { CopyLine } from '../../components/copy-line'
import { Section } from '../../components/section'
import { StateBadge } from '../../components/state-badge'
import { notifyDone, notifyError } from '../../lib/notify'
import { useBind, useUpdateProfile } from './api'
import { ConsentLink } from './consent-link'
import { reconnectWords, type ServingApp } from './left-inboxes'
import classes from './microsoft.module.css'
import { bindingText, CONSUMER_LABEL, CONSUMER_MEANING, STATE_LABEL, STATE_TONE } from './microsoft-words'
import { UnbindDialog } from './unbind-dialog'
import { useLeftInboxes } from './use-left-inboxes'

type Props = { binding: BindingAnswer; profiles: readonly ProfileAnswer[] }

export function BindingSection({ binding, profiles }: Props) {
  const { consumer, state, profileId } = binding
  const bound = profiles.find(({ id }) => id === profileId)
  return (
    <Section
      title={CONSUMER_LABEL[consumer]}
      lead={CONSUMER_MEANING[consumer]}
      actions={<StateBadge tone={STATE_TONE[state]}>{STATE_LABEL[state]}</StateBadge>}
    >
      <Stack gap="md">
        {state === 'pending_admin_consent' || state === 'invalid_profile' ? (
          <Alert color={state === 'invalid_profile' ? 'red' : 'yellow'}>
            <Stack gap="xs" align="start">
              <Text size="sm">{bindingText(binding, bound)}</Text>
              {state === 'pending_admin_consent' && bound && <ConfirmConsent profile={bound} />}
            </Stack>
          </Alert>
        ) : (
          <Text size="sm">{bindingText(binding, bound)}</Text>
        )}
        {/* Keyed by what is stored, so that the choice follows it. */}
        <Choice key={profileId} binding={binding} profiles={profiles} />
        <Registration binding={binding} />
      </Stack>
    </Section>
  )
}

function ConfirmConsent({ profile }: { profile: ProfileAnswer }) {
  const update = useUpdateProfile(profile.id)
  return (
    <Button
      size="xs"
      loading={update.isPending}
      onClick={() =>
        update.mutate(
          { consent: { granted: true } },
          { onSuccess: () => notifyDone('The consent is noted.'), onError: notifyError },
        )
      }
    >
      The administrator has agreed
    </Button>
  )
}

function Choice({ binding: { consumer, profileId, state }, profiles }: Props) {
  const bind = useBind(consumer)
  const [chosen, choose] = useState(profileId)
  const [removing, setRemoving] = useState(false)
  const label = CONSUMER_LABEL[consumer]
  const email = consumer === 'email'
  const own: ServingApp | null = email && profileId === null && state === 'ready' ? { profileId } : null
  const serving = email ? (servingApp(profiles, profileId) ?? own) : null
  const leftByChoice = useLeftInboxes(serving, servingApp(profiles, chosen))
  const leftByRemoval = useLeftInboxes(serving, null)
  const choices = profiles
    .filter(({ id, archivedAt }) => !archivedAt || id === profileId)
    .map(({ id, displayName, archivedAt }) => ({
      value: id,
      label: archivedAt ? `${displayName} (archived)` : displayName,
    }))
  const save = (next: string | null, done: string) =>
    bind.mutate(next, { onSuccess: () => notifyDone(done), onError: notifyError, onSettled: () => setRemoving(false) })
  const remove = () => save(null, `${label} is no longer bound to a profile.`)
  return (
    <Stack gap={4}>
      <Group gap="xs" align="end">
        <Select
          label={`Profile for ${label}`}
          placeholder={choices.length > 0 ? 'Choose a profile' : 'Add a profile first'}
          data={choices}
          value={chosen}
          onChange={choose}
          allowDeselect={false}
          disabled={choices.length === 0}
          flex="1 1 14rem"
          maw={360}
        />
        <Button
          loading={bind.isPending && bind.variables !== null}
          disabled={chosen === null || chosen === profileId}
          onClick={() => save(chosen, `${label} is served by that profile now.`)}
        >
          Use this profile
        </Button>
        {profileId !== null && (
          <Button
            variant="default"
            loading={bind.isPending && bind.variables === null}
            onClick={() => (leftByRemoval.length > 0 ? setRemoving(true) : remove())}
          >
            Remove
          </Button>
        )}
      </Group>
      {chosen !== profileId && leftByChoice.length > 0 && (
        <Text size="sm" c="var(--tone-warn)" role="status">
          {reconnectWords(leftByChoice)}
        </Text>
      )}
      {removing && (
        <UnbindDialog
          left={leftByRemoval}
          removing={bind.isPending}
          onRemove={remove}
          onClose={() => setRemoving(false)}
        />
      )}
    </Stack>
  )
}

function servingApp(profiles: readonly ProfileAnswer[], profileId: string | null): ServingApp | null {
  const profile = profiles.find(({ id }) => id === profileId)
  return profile ? { profileId: profile.id, clientId: profile.clientId } : null
}

/** What the administrator of the app registration has to enter, ready to be copied. */
function Registration({ binding }: { binding: BindingAnswer }) {
  const { redirectUris, scopes, optionalScopes, applicationPermissions, adminConsentUrl, applicationIdUri } = binding
  return (
    <dl className={classes.register}>
      <Entry name="Redirect addresses to register (platform Web)">
        {redirectUris.map((uri) => (
          <CopyLine key={uri} value={uri} what={`the redirect address ${uri}`} />
        ))}
      </Entry>
      <Entry name="Permissions of Microsoft Graph, delegated">
        <CopyLine value={scopes.join(' ')} what="the delegated permissions" />
      </Entry>
      {optionalScopes.length > 0 && (
        <Entry name="Optional: only to mark mail that is on a ticket, or for replies over 3 MB">
          <CopyLine value={optionalScopes.join(' ')} what="the optional permissions" />
        </Entry>
      )}
      {applicationPermissions.length > 0 && (
        <Entry name="Application permissions, only for mailboxes that the app opens by itself">
          <CopyLine value={applicationPermissions.join(' ')} what="the application permissions" />
        </Entry>
      )}
      {applicationIdUri && (
        <Entry name="Application ID URI to expose">
          <CopyLine value={applicationIdUri} what="the Application ID URI" />
        </Entry>
      )}
      {adminConsentUrl && (
        <Entry name="Where an administrator of the directory agrees for everybody">
          <ConsentLink url={adminConsentUrl} />
        </Entry>
      )}
    </dl>
  )
}

function Entry({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}
