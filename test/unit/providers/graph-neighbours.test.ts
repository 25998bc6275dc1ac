// Subscriptions on a mailbox that several inboxes read through one app: what is left behind goes, what somebody listens to stays.
import { describe, expect, it } from 'vitest'
import { openGraph } from '../../../worker/providers/graph/provider'
import { graphRefusal, json, scriptedFetch } from '../../support/scripted-fetch'

const NOTIFICATION = 'https://postroom.example/api/webhooks/graph-push'
const RESOURCE = "users/info@contoso.example/mailFolders('Inbox')/messages"
const end = '2036-01-01T00:00:00Z'

function open(inUse?: string[]) {
  const listed = (id: string, changes: object = {}) => ({
    id,
    resource: RESOURCE,
    notificationUrl: NOTIFICATION,
    expirationDateTime: end,
    ...changes,
  })
  const standing = [
    listed('neighbour'),
    listed('orphan'),
    listed('elsewhere', { resource: "users/other@contoso.example/mailFolders('Inbox')/messages" }),
    listed('foreign', { notificationUrl: 'https://another.example/hook' }),
  ]
  let refusals = 0
  const { fetch, asked } = scriptedFetch(({ method, url }) => {
    if (method === 'GET') return json({ value: [...standing, listed('new')] })
    if (method === 'DELETE') return new Response(null, { status: 204 })
    if (url.pathname.endsWith('/subscriptions') && refusals-- > 0) return graphRefusal(409, 'Conflict')
    return json(listed('new'), 201)
  })
  const provider = openGraph(
    {
      apiUrl: 'https://graph.microsoft.com/v1.0',
      mailbox: { kind: 'shared', address: 'info@contoso.example' },
      since: 0,
      notificationUrl: NOTIFICATION,
      lifecycleUrl: 'https://postroom.example/api/webhooks/graph-lifecycle',
      push: true,
      trustedHosts: [],
    },
    {
      fetch,
      clock: () => 1_800_000_000_000,
      token: async () => 'token',
      ...(inUse && { subscriptionsInUse: async (ids) => new Set(ids.filter((id) => inUse.includes(id))) }),
    },
  )
  return {
    push: provider.push,
    refuse: () => {
      refusals = 1
    },
    /** What was created and deleted, in order. */
    done: () =>
      asked.flatMap(({ method, url }) =>
        method === 'POST' ? ['create'] : method === 'DELETE' ? [`delete ${url.pathname.split('/').at(-1)}`] : [],
      ),
  }
}

const old = { expiresAt: 1, subscription: { id: 'old', clientState: 'x' } }

describe('subscribing anew', () => {
  it('makes the new one first, then ends the old one and what was left behind on this mailbox', async () => {
    const t = open()
    await t.push?.subscribe(old)
    expect(t.done()).toEqual(['create', 'delete old', 'delete neighbour', 'delete orphan'])
  })

  it('leaves those alone that another inbox on the mailbox listens to', async () => {
    const t = open(['neighbour', 'old'])
    await t.push?.subscribe(old)
    expect(t.done()).toEqual(['create', 'delete old', 'delete orphan'])
  })

  it('where only one is allowed ends its own and what nobody listens to, never a neighbour’s', async () => {
    const t = open(['neighbour'])
    t.refuse()
    await t.push?.subscribe(old)
    expect(t.done().slice(0, 4)).toEqual(['create', 'delete old', 'delete orphan', 'delete new'])
    expect(t.done()).not.toContain('delete neighbour')
  })
})

describe('letting go', () => {
  it('without a known subscription ends only what nobody listens to', async () => {
    const t = open(['neighbour', 'new'])
    await t.push?.unsubscribe(null)
    expect(t.done()).toEqual(['delete orphan'])
  })
})
