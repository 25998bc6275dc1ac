// The Google simulator as tests and benchmarks use it: its control endpoints, and a Google inbox connected without a browser.

/** The control endpoints of the simulator at `base`: `control('deliver', {...})` posts, without a body it gets. */
export function googleControl(base) {
  return async (route, body) => {
    const response = await fetch(`${base}/__control/${route}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`simulator ${route}: ${response.status} ${text}`)
    return text ? JSON.parse(text) : null
  }
}

/** A raw mail for `control('deliver')`. */
export const rawMail = (to, raw, more = {}) => ({ to, raw: Buffer.from(raw).toString('base64'), ...more })

/**
 * Goes through Google's consent as `account` and comes back to the callback with the session's cookie.
 * Answers the address in the app that the browser would be sent to.
 */
export async function consent({ base, cookie, url, control, account, ...choice }) {
  const { location } = await control('authorize', { url, account, ...choice })
  const response = await fetch(location.replace(new URL(location).origin, base), {
    headers: { cookie },
    redirect: 'manual',
  })
  const to = response.headers.get('location')
  if (!to) throw new Error(`the callback answered ${response.status} ${await response.text()}`)
  return new URL(to, base)
}

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
