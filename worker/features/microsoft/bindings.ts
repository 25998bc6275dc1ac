// Which profile serves which consumer: showing it and its state, binding, and taking a binding away. Showing writes nothing.
import {
  type BindingAnswer,
  type BindingState,
  MICROSOFT_CONSUMERS,
  type MicrosoftConsumer,
} from '../../contract/microsoft'
import type { Edition } from '../../entitlements/edition'
import type { Settings } from '../../env'
import type { TenantDb } from '../../platform/db'
import { AppError } from '../../platform/errors'
import { deploymentApp, type ProfileRow, profileState } from '../../platform/microsoft-app'
import { consentState } from '../../platform/microsoft-consent'
import { adminConsentUrl, applicationIdUri, namesOf, registrationOf, visibleIn } from './consumers'
import { bindingRows, capabilitiesOf, findProfile, marksMail, profileRows } from './queries'

type Deps = { db: TenantDb; settings: Settings; edition: Edition }

/** The consumer of that name, or AppError('not_found'). */
export function consumerNamed(name: string): MicrosoftConsumer {
  const consumer = MICROSOFT_CONSUMERS.find((known) => known === name)
  if (!consumer) throw new AppError('not_found')
  return consumer
}

/** Every consumer with its state, those that this edition lacks included. */
export async function listBindings(deps: Deps): Promise<BindingAnswer[]> {
  const [bindings, profiles, marks] = await Promise.all([
    bindingRows(deps.db),
    profileRows(deps.db),
    marksMail(deps.db),
  ])
  return Promise.all(
    MICROSOFT_CONSUMERS.map((consumer) => {
      const profileId = bindings.find((binding) => binding.consumer === consumer)?.profileId ?? null
      const profile = profiles.find(({ id }) => id === profileId) ?? null
      return bindingAnswer(deps, { consumer, profileId, profile }, marks)
    }),
  )
}

/** One consumer as `listBindings` shows it. */
export async function showBinding(deps: Deps, consumer: MicrosoftConsumer): Promise<BindingAnswer> {
  const answer = (await listBindings(deps)).find((item) => item.consumer === consumer)
  if (!answer) throw new AppError('not_found')
  return answer
}

/** `profileId` without `profile`: what is bound no longer exists. */
type Bound = { consumer: MicrosoftConsumer; profileId: string | null; profile: ProfileRow | null }

/** `marks`: mail is to be marked, so that a consent has to cover writing it. */
async function bindingAnswer({ db, settings, edition }: Deps, bound: Bound, marks: boolean): Promise<BindingAnswer> {
  const { consumer, profileId, profile } = bound
  const visible = visibleIn(edition, consumer)
  const writesMail = marks || (profile !== null && capabilitiesOf(profile).includes('large_replies'))
  const registration = registrationOf(edition, consumer, settings.APP_URL, writesMail)
  const app = registeredApp(bound, settings)
  const redirectUri = registration.redirectUris[0]
  return {
    consumer,
    visible,
    state: stateOf(bound, app !== null),
    profileId,
    ...registration,
    adminConsentUrl:
      app && redirectUri
        ? adminConsentUrl({
            loginUrl: settings.MICROSOFT_LOGIN_URL,
            graphUrl: settings.MICROSOFT_GRAPH_URL,
            redirectUri,
            clientId: app.clientId,
            directory: app.directory,
            scopes: registration.scopes,
            asRegistered: consumer === 'email' && app.appOnly,
            state: profile ? await consentState(settings.AUTH_SECRET, db.tenantId, profile) : null,
          })
        : null,
    ...(consumer === 'teams'
      ? { applicationIdUri: visible && app ? applicationIdUri(settings.APP_URL, app.clientId) : null }
      : {}),
  }
}

/** The app somebody can agree to: of the bound profile, or for `email` without a binding the deployment's own. */
function registeredApp({ consumer, profileId, profile }: Bound, settings: Settings) {
  if (profile) {
    const { clientId, directoryTenant: directory } = profile
    return { clientId, directory, appOnly: capabilitiesOf(profile).includes('app_only_mail') }
  }
  if (profileId !== null || consumer !== 'email') return null
  const app = deploymentApp(settings)
  return app && { ...app, appOnly: false }
}

function stateOf({ profileId, profile }: Bound, served: boolean): BindingState {
  if (profileId !== null) return profileState(profile)
  return served ? 'ready' : 'not_configured'
}

/**
 * Has the profile serve the consumer, in place of any other. AppError('consumer_not_available') where the edition lacks the consumer,
 * 'not_found' for a profile the tenant does not have, 'invalid_body' for an archived one.
 */
export async function bind(
  { db, edition }: Pick<Deps, 'db' | 'edition'>,
  { consumer, profileId, now }: { consumer: MicrosoftConsumer; profileId: string; now: number },
): Promise<void> {
  requireVisible(edition, consumer)
  const { meta } = await db
    .prepare(
      `INSERT INTO microsoft_bindings (tenant_id, consumer, profile_id, updated_at)
       SELECT ?1, ?2, p.id, ?4 FROM microsoft_profiles p WHERE p.tenant_id = ?1 AND p.id = ?3 AND p.archived_at IS NULL
       ON CONFLICT (tenant_id, consumer) DO UPDATE SET profile_id = excluded.profile_id, updated_at = excluded.updated_at`,
      consumer,
      profileId,
      now,
    )
    .run()
  if (meta.changes === 1) return
  await findProfile(db, profileId)
  const message = 'This profile is archived. Restore it first, or choose another one.'
  throw new AppError('invalid_body', { detail: message, fields: [{ path: 'profileId', message }] })
}

/** Leaves the consumer without a profile; one that has none is left as it is. AppError('consumer_not_available') as for `bind`. */
export async function unbind(
  { db, edition }: Pick<Deps, 'db' | 'edition'>,
  consumer: MicrosoftConsumer,
): Promise<void> {
  requireVisible(edition, consumer)
  await db.prepare('DELETE FROM microsoft_bindings WHERE tenant_id = ?1 AND consumer = ?2', consumer).run()
}

function requireVisible(edition: Edition, consumer: MicrosoftConsumer): void {
  if (visibleIn(edition, consumer)) return
  throw new AppError('consumer_not_available', {
    detail: `Microsoft for ${namesOf([consumer])} is not part of this edition.`,
  })
}
