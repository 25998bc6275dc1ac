// What the pages for people show of Exchange's mailboxes, and the apps there are to connect with.
import type { Route } from '../shell/http.ts'
import { type Html, html } from '../shell/pages.ts'
import { uiRoutes } from '../shell/ui.ts'
import type { Store } from './store.ts'
import type { App, World } from './world.ts'

export function pages(world: World, store: Store): Route[] {
  return uiRoutes(world, {
    vendor: () => ({ name: 'Microsoft', client: 'Outlook', more: html`${sharedSection(world)}${appsSection(world)}` }),
    messages(email) {
      const box = store.mailbox(email)
      const nameOf = (folder: string) => box.folders.find(({ id }) => id === folder)
      return Object.values(box.messages).map((message) => ({
        id: message.id,
        threadId: message.conversationId,
        date: message.receivedAt,
        labels: [nameOf(message.folder)?.displayName ?? '', ...message.categories],
        sent: nameOf(message.folder)?.wellKnown === 'sentitems',
      }))
    },
    raw(email, id) {
      const message = Object.values(store.mailbox(email).messages).find((one) => one.id === id)
      return message ? store.rawOf(message) : Buffer.alloc(0)
    },
  })
}

function sharedSection(world: World): Html | null {
  const shared = [...world.accounts.values()].filter((account) => account.shared)
  const names = (emails: string[]) => emails.join(', ') || 'nobody'
  return shared.length === 0
    ? null
    : html`<section class="card">
<h2>Shared mailboxes</h2>
<ul>${shared.map(({ email, delegates }) => html`<li>${email}: opened by ${names(delegates)}</li>`)}</ul>
</section>`
}

/** App registrations, with what a Microsoft profile is made of. Their secrets are simulated like everything here. */
function appsSection(world: World): Html {
  const domainOf = (id: string) => world.directories().find((directory) => directory.id === id)?.domain ?? id
  const entry = (app: App) => html`<li class="mail">
<h3>${app.name}</h3>
<p class="dim">${app.multiTenant ? 'For any organisation.' : `For ${domainOf(app.directory)} alone.`} ${
    app.adminOnly
      ? 'An administrator must agree before people can connect: open the admin-consent link of a profile made of it.'
      : 'People can agree for themselves.'
  } ${sharedConsent(app, domainOf)}</p>
<dl class="small">
<dt class="dim">Client ID</dt><dd><code>${app.clientId}</code></dd>
<dt class="dim">Client secret</dt><dd><code>${app.secrets[0] ?? 'none'}</code></dd>
<dt class="dim">Directory</dt><dd><code>${app.multiTenant ? 'organizations' : domainOf(app.directory)}</code>${app.multiTenant && html`, or one of ${world.directories().map(({ domain }) => html`<code>${domain}</code> `)}`}</dd>
</dl>
</li>`
  return html`<section class="card">
<h2>Apps to make profiles of</h2>
<p class="dim">Enter one of these in Postroom under Settings, Integrations, Microsoft.</p>
<ul class="rows">${[...world.apps.values()].map(entry)}</ul>
</section>`
}

function sharedConsent({ adminConsents }: App, domainOf: (id: string) => string): string {
  const domains = Object.keys(adminConsents).map(domainOf)
  return domains.length > 0 ? `May read mailboxes by itself in ${domains.join(', ')}.` : ''
}
