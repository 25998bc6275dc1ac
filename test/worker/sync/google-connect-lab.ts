// The way round of connecting a Google account, over a Google that a test tells what to say.
import { googleConnectRoutes } from '../../../worker/sync/google-connect.routes'
import { callbackOf, secrets, setUpAccount } from './account-connect-lab'
import { CLIENT_SECRET, fakeGoogle, givenGoogleInbox, googleSettings } from './google-rows'

export const CALLBACK = callbackOf('google')

secrets.add(CLIENT_SECRET)

/** A Google inbox that is not connected. */
export async function setUpConnect(
  given: Parameters<typeof givenGoogleInbox>[0] & { settings?: object; signedInAs?: string } = {},
) {
  const inbox = await givenGoogleInbox({ tokens: null, ...given })
  const google = fakeGoogle(given.signedInAs ?? inbox.account)
  const settings = { ...googleSettings(), ...given.settings }
  const t = await setUpAccount({
    vendor: 'google',
    inbox,
    mount: (app) => app.route('/api', googleConnectRoutes({ fetch: google.fetch })),
    fake: google,
    settings,
  })
  return { google, ...t }
}
