// After a deployment an open tab still asks for the old version's files. Loading the page again gets the new ones; drafts are kept.
const KEY = 'postroom.reloaded-at'
const AGAIN_MS = 60_000

/** Reloads when a lazily loaded file is gone, but not over and over where the fault is another. */
export function reloadForNewVersion() {
  window.addEventListener('vite:preloadError', (event) => {
    const last = Number(sessionStorage.getItem(KEY) ?? 0)
    if (Date.now() - last < AGAIN_MS) return
    event.preventDefault()
    sessionStorage.setItem(KEY, String(Date.now()))
    window.location.reload()
  })
}
