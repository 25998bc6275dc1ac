// The way round of connecting a Microsoft mailbox, over a Microsoft that a test tells what to say.
import { microsoftConnectRoutes } from '../../../worker/sync/microsoft-connect.routes'
import { secrets, setUpAccount } from './account-connect-lab'
import { CLIENT_SECRET, DEPLOYMENT, fakeMicrosoft, givenMicrosoftInbox, microsoftSettings } from './microsoft-rows'

secrets.add(CLIENT_SECRET)
secrets.add(DEPLOYMENT.MICROSOFT_CLIENT_SECRET)

/** A Microsoft inbox that is not connected, with a profile bound to email unless `profile` is null. */
export async function setUpConnect(
  given: Parameters<typeof givenMicrosoftInbox>[0] & { settings?: object; signedInAs?: string } = {},
) {
  const inbox = await givenMicrosoftInbox({ tokens: null, ...given })
  const microsoft = fakeMicrosoft(given.signedInAs ?? inbox.address)
  const t = await setUpAccount({
    vendor: 'microsoft',
    inbox,
    mount: (app) => app.route('/api', microsoftConnectRoutes({ fetch: microsoft.fetch as typeof fetch })),
    fake: microsoft,
    settings: microsoftSettings(given.settings),
  })
  return { microsoft, ...t }
}
