// Routes of the microsoft slice: profiles and bindings. Connecting a mailbox through them is in sync.
import { type Context, Hono } from 'hono'
import {
  BindBody,
  BindingAnswer,
  BindingList,
  CreateProfileBody,
  DeleteProfileQuery,
  ProfileAnswer,
  ProfileList,
  UpdateProfileBody,
} from '../../contract/microsoft'
import { editionOf } from '../../entitlements/edition'
import type { AppEnv } from '../../platform/http/context'
import { access, answers, json, query } from '../../platform/http/route'
import type { ProfileRow } from '../../platform/microsoft-app'
import { bind, consumerNamed, listBindings, showBinding, unbind } from './bindings'
import { answerOf, findProfile, listProfiles } from './queries'
import { archiveProfile, createProfile, deleteProfile, makeDefault, restoreProfile, updateProfile } from './service'

const permission = 'microsoft:manage'

const depsOf = (c: Context<AppEnv>) => {
  const settings = c.get('settings')
  const edition = editionOf(c.get('modules'))
  return { db: c.get('db'), settings, keyring: settings.keyring, now: c.get('clock')(), edition }
}
const answer = (c: Context<AppEnv>, row: ProfileRow) => answerOf(c.get('db'), row)

export const microsoftRoutes = new Hono<AppEnv>()
  .get(
    '/microsoft/profiles',
    access(permission, "The tenant's Microsoft apps, archived ones too"),
    answers(200, ProfileList),
    async (c) => c.json({ items: await listProfiles(c.get('db')), nextCursor: null }),
  )
  .post(
    '/microsoft/profiles',
    access(permission, 'Add a Microsoft app; it serves nothing until it is bound'),
    json(CreateProfileBody),
    answers(201, ProfileAnswer),
    async (c) => c.json(await answer(c, await createProfile(depsOf(c), c.req.valid('json'))), 201),
  )
  .get(
    '/microsoft/profiles/:id',
    access(permission, 'One Microsoft app; never its secret'),
    answers(200, ProfileAnswer),
    async (c) => c.json(await answer(c, await findProfile(c.get('db'), c.req.param('id')))),
  )
  .patch(
    '/microsoft/profiles/:id',
    access(permission, 'Change a Microsoft app; a blank secret keeps the stored one'),
    json(UpdateProfileBody),
    answers(200, ProfileAnswer),
    async (c) => c.json(await answer(c, await updateProfile(depsOf(c), c.req.param('id'), c.req.valid('json')))),
  )
  .delete(
    '/microsoft/profiles/:id',
    access(permission, 'Delete a Microsoft app that serves nothing, and its secret'),
    query(DeleteProfileQuery),
    answers(204, null),
    async (c) => {
      const unbindHidden = c.req.valid('query').unbindHidden !== undefined
      await deleteProfile(depsOf(c), { id: c.req.param('id'), unbindHidden })
      return c.body(null, 204)
    },
  )
  .post(
    '/microsoft/profiles/:id/archive',
    access(permission, 'Put a Microsoft app that serves nothing aside'),
    answers(200, ProfileAnswer),
    async (c) => c.json(await answer(c, await archiveProfile(depsOf(c), c.req.param('id')))),
  )
  .post(
    '/microsoft/profiles/:id/restore',
    access(permission, 'Take an archived Microsoft app back'),
    answers(200, ProfileAnswer),
    async (c) => c.json(await answer(c, await restoreProfile(depsOf(c), c.req.param('id')))),
  )
  .post(
    '/microsoft/profiles/:id/make-default',
    access(permission, 'Label a Microsoft app as the default; nothing else follows from it'),
    answers(200, ProfileAnswer),
    async (c) => c.json(await answer(c, await makeDefault(depsOf(c), c.req.param('id')))),
  )
  .get(
    '/microsoft/bindings',
    access(permission, 'What Microsoft may serve here, by which app, and whether it can'),
    answers(200, BindingList),
    async (c) => c.json({ items: await listBindings(depsOf(c)) }),
  )
  .put(
    '/microsoft/bindings/:consumer',
    access(permission, 'Have a Microsoft app serve sign-in, email, calendar or Teams'),
    json(BindBody),
    answers(200, BindingAnswer),
    async (c) => {
      const deps = depsOf(c)
      const consumer = consumerNamed(c.req.param('consumer'))
      await bind(deps, { consumer, profileId: c.req.valid('json').profileId, now: deps.now })
      return c.json(await showBinding(deps, consumer))
    },
  )
  .delete(
    '/microsoft/bindings/:consumer',
    access(permission, 'Take the Microsoft app of a consumer away'),
    answers(204, null),
    async (c) => {
      await unbind(depsOf(c), consumerNamed(c.req.param('consumer')))
      return c.body(null, 204)
    },
  )
