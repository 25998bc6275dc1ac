// A Google inbox connected without a browser, for tests and benchmarks.
import { consent } from './simulator.mjs'

/**
 * Makes a Google inbox for `address` and connects it; `api` is a signed-in client. Answers the inbox.
 * @param {{ base: string, api: Function, cookie: string, control: Function, address: string, name?: string, importDays?: number }} options
 */
export async function connectGoogle({ base, api, cookie, control, address, name = 'Support', importDays }) {
  const inbox = await api('POST', '/api/inboxes', { name, emailAddress: address, connectionType: 'google' })
  if (importDays !== undefined) await api('PATCH', `/api/inboxes/${inbox.id}`, { importDays })
  const { url } = await api('POST', `/api/inboxes/${inbox.id}/connect/google`, {})
  const back = await consent({ base, cookie, url, control, account: address })
  if (back.searchParams.get('connect') !== 'ok') throw new Error(`connecting ended at ${back.pathname}${back.search}`)
  return api('GET', `/api/inboxes/${inbox.id}`)
}
