// Where the browser goes after connecting an account: a page of this app, whatever anybody asked for. Pure.

/** The path (with query and fragment) as a browser would read it, or null where it is not a page of the app at `appUrl`. */
export function pageOf(given: string, appUrl: string): string | null {
  const app = new URL(appUrl)
  const url = URL.parse(given, app)
  // The parser drops tabs and line breaks and turns backslashes, as browsers do: what is left is what would be opened.
  if (!given.startsWith('/') || url?.origin !== app.origin) return null
  if (url.pathname.startsWith('//') || /^\/api(\/|$)/.test(url.pathname)) return null
  return `${url.pathname}${url.search}${url.hash}`
}

/** The absolute address of a page with the outcome as its search parameters; parameters of the same names from before are gone. */
export function returnAddress(appUrl: string, page: string, outcome: Record<string, string>): string {
  const url = new URL(pageOf(page, appUrl) ?? '/', appUrl)
  for (const name of ['connect', 'address', 'missing', 'reason']) url.searchParams.delete(name)
  for (const [name, value] of Object.entries(outcome)) url.searchParams.set(name, value)
  return url.href
}
