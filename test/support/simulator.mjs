// The provider simulators as tests and benchmarks use them: their control endpoints, and consents without a browser.

/** The control endpoints of the simulator at `base`: `control('deliver', {...})` posts, without a body it gets. */
export function simulatorControl(base) {
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
 * Goes through the provider's consent as `account` and comes back to the callback with the session's cookie.
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
