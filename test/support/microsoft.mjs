// A Microsoft inbox connected without a browser, for tests and benchmarks.
import { consent } from './simulator.mjs'

/**
 * Makes a Microsoft inbox for `address` and connects it; `api` is a signed-in client. Answers the inbox.
 * `kind` says whose mailbox it is; a `shared` one is opened by `account`, `app` needs nobody.
 * @param {{ base: string, api: Function, cookie: string, control: Function, address: string, name?: string, importDays?: number,
 *   kind?: 'own' | 'shared' | 'app', account?: string, profileId?: string }} options
 */
export async function connectMicrosoft(options) {
  const { base, api, cookie, control, address, name = 'Support', importDays, kind = 'own', profileId } = options
  const inbox = await api('POST', '/api/inboxes', { name, emailAddress: address, connectionType: 'microsoft' })
  if (importDays !== undefined) await api('PATCH', `/api/inboxes/${inbox.id}`, { importDays })
  const { url } = await api('POST', `/api/inboxes/${inbox.id}/connect/microsoft`, {
    mailbox: kind === 'own' ? { kind } : { kind, address },
    ...(profileId === undefined ? {} : { profileId }),
  })
  if (url !== null) {
    const back = await consent({ base, cookie, url, control, account: options.account ?? address })
    if (back.searchParams.get('connect') !== 'ok') throw new Error(`connecting ended at ${back.pathname}${back.search}`)
  }
  return api('GET', `/api/inboxes/${inbox.id}`)
}
