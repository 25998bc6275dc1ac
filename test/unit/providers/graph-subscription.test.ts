// The standing order for push, against a scripted Graph: how long, in which order, and what its refusals become.
import { describe, expect, it } from 'vitest'
import { openGraph } from '../../../worker/providers/graph/provider'
import { ProviderError, type PushCapable } from '../../../worker/providers/provider'
import { countingTokens, graphRefusal, json, type Script, scriptedFetch } from '../../support/scripted-fetch'

const NOW = Date.parse('2026-11-20T12:00:00Z')
const MINUTE = 60_000
const PUSH_URL = 'https://postroom.test/api/webhooks/graph-push'

function open(script: Script, kind: 'own' | 'shared' | 'app' = 'own') {
  const { fetch, asked } = scriptedFetch(script)
  const { push } = openGraph(
    {
      apiUrl: 'https://graph.test/v1.0',
      mailbox: { kind, address: 'info@contoso.example' },
      since: 0,
      notificationUrl: PUSH_URL,
      lifecycleUrl: 'https://postroom.test/api/webhooks/graph-lifecycle',
      push: true,
      trustedHosts: [],
    },
    { fetch, clock: () => NOW, token: countingTokens().token },
  )
  if (!push) throw new Error('no push')
  const steps = () => asked.map(({ method, url }) => `${method} ${url.pathname.replace('/v1.0/', '')}`)
  return { push, asked, steps }
}
const created = (id: string, minutes = 10_000, rest: object = {}) =>
  json({ id, expirationDateTime: new Date(NOW + minutes * MINUTE).toISOString(), ...rest }, 201)
const deleted = () => new Response(null, { status: 204 })
const lease = (id: string) => ({ expiresAt: NOW, subscription: { id, clientState: 'secret' }, proven: true })
async function failing(work: Promise<unknown>): Promise<ProviderError> {
  const error = await work.then(
    () => new Error('did not fail'),
    (thrown: unknown) => thrown,
  )
  if (error instanceof ProviderError) return error
  throw error
}
const minutesAsked = (body: string | undefined) =>
  (Date.parse(JSON.parse(body ?? '{}').expirationDateTime) - NOW) / MINUTE

describe('a subscription', () => {
  it.each([
    ['own', "me/mailFolders('Inbox')/messages"],
    ['shared', "users/info@contoso.example/mailFolders('Inbox')/messages"],
    ['app', "users/info@contoso.example/mailFolders('Inbox')/messages"],
  ] as const)(
    'of a mailbox of the kind %s is for new mail in its inbox, with both addresses and a secret',
    async (kind, resource) => {
      const { push, asked } = open(({ method }) => (method === 'POST' ? created('s1') : json({ value: [] })), kind)
      const { subscription, expiresAt, proven } = await push.subscribe(null)
      const order = JSON.parse(asked[0]?.body ?? '{}')
      expect(order).toMatchObject({
        changeType: 'created',
        resource,
        notificationUrl: PUSH_URL,
        lifecycleNotificationUrl: 'https://postroom.test/api/webhooks/graph-lifecycle',
        clientState: subscription?.clientState,
      })
      expect(order.clientState.length).toBeGreaterThanOrEqual(32)
      expect(order.clientState.length).toBeLessThanOrEqual(128)
      expect(asked[0]?.headers.get('prefer')).toBe('IdType="ImmutableId"')
      expect({ expiresAt, proven }).toEqual({ expiresAt: NOW + 10_000 * MINUTE, proven: true })
    },
  )

  it('asked for too long is asked for shorter, and lasts as long as the answer says', async () => {
    const { push, asked } = open(({ method }, count) => {
      if (method !== 'POST') return json({ value: [] })
      return count === 1
        ? graphRefusal(400, 'ExtensionError', 'Subscription expiration can only be 4230 minutes')
        : created('s1', 60)
    })
    expect((await push.subscribe(null)).expiresAt).toBe(NOW + 60 * MINUTE)
    expect([minutesAsked(asked[0]?.body), minutesAsked(asked[1]?.body)]).toEqual([10_070, 4_220])
  })

  it('stands before the old one goes', async () => {
    const { push, steps } = open(({ method }) =>
      method === 'POST' ? created('new') : method === 'DELETE' ? deleted() : json({ value: [] }),
    )
    await push.subscribe(lease('old'))
    expect(steps()).toEqual(['POST subscriptions', 'DELETE subscriptions/old', 'GET subscriptions'])
  })

  it('that is refused as a double takes the place of the old one', async () => {
    const { push, steps } = open(({ method }, count) => {
      if (method === 'DELETE') return deleted()
      if (method === 'GET') return json({ value: [] })
      return count === 1 ? graphRefusal(409, 'Conflict') : created('new')
    })
    expect((await push.subscribe(lease('old'))).subscription?.id).toBe('new')
    expect(steps().slice(0, 2)).toEqual(['POST subscriptions', 'DELETE subscriptions/old'])
    expect(steps().filter((step) => step === 'POST subscriptions')).toHaveLength(2)
  })

  it('that is refused as a double is made although those that stand cannot be listed', async () => {
    const { push } = open(({ method }, count) => {
      if (method === 'DELETE') return deleted()
      if (method === 'GET') return graphRefusal(500, 'x')
      return count === 1 ? graphRefusal(409, 'Conflict') : created('new')
    })
    expect((await push.subscribe(lease('old'))).subscription?.id).toBe('new')
  })

  it('that is refused as a double of one that somebody else has says so, and takes nothing away', async () => {
    const { push, steps } = open(({ method }) =>
      method === 'GET' ? json({ value: [] }) : method === 'DELETE' ? deleted() : graphRefusal(409, 'Conflict'),
    )
    const error = await failing(push.subscribe(null))
    expect(error).toMatchObject({ kind: 'protocol', code: 'graph_conflict' })
    expect(error.message).toMatch(/another inbox already.*at intervals/)
    expect(steps().filter((step) => step.startsWith('DELETE'))).toEqual([])
  })

  it('stands although tidying up fails', async () => {
    const { push } = open(({ method }) => (method === 'POST' ? created('new') : graphRefusal(500, 'x')))
    expect((await push.subscribe(lease('old'))).subscription?.id).toBe('new')
  })

  it('of somebody else, for another mailbox or another address, is left alone', async () => {
    const resource = "me/mailFolders('Inbox')/messages"
    const one = (id: string, rest: object) => ({ id, expirationDateTime: new Date(NOW).toISOString(), ...rest })
    const value = [
      one('ours', { notificationUrl: PUSH_URL, resource }),
      one('other-url', { notificationUrl: 'https://other.test/hook', resource }),
      one('other-mailbox', { notificationUrl: PUSH_URL, resource: "users/x/mailFolders('Inbox')/messages" }),
    ]
    const { push, steps } = open(({ method }) =>
      method === 'POST' ? created('new') : method === 'DELETE' ? deleted() : json({ value }),
    )
    await push.subscribe(null)
    expect(steps().filter((step) => step.startsWith('DELETE'))).toEqual(['DELETE subscriptions/ours'])
  })

  describe('that was forgotten', () => {
    const LIST = 'https://graph.test/v1.0/subscriptions'
    const forgotten = (id: string) => ({
      id,
      expirationDateTime: new Date(NOW).toISOString(),
      notificationUrl: PUSH_URL,
      resource: "me/mailFolders('Inbox')/messages",
    })
    /** `pages` of one subscription each, behind links to `origin`. */
    const listing =
      (pages: number, origin = 'https://graph.test'): Script =>
      ({ method, url }) => {
        if (method === 'POST') return created('new')
        if (method === 'DELETE') return deleted()
        const at = Number(url.searchParams.get('$skiptoken') ?? 0)
        const next = at + 1 < pages ? { '@odata.nextLink': `${origin}/v1.0/subscriptions?$skiptoken=${at + 1}` } : {}
        return json({ value: [forgotten(`s${at}`)], ...next })
      }
    const ended = (steps: string[]) => steps.filter((step) => step.startsWith('DELETE'))

    it('is found behind the first page as well', async () => {
      const { push, steps } = open(listing(3))
      await push.subscribe(null)
      expect(ended(steps())).toEqual(['DELETE subscriptions/s0', 'DELETE subscriptions/s1', 'DELETE subscriptions/s2'])
    })

    it('is looked for on some pages and not for ever', async () => {
      const { push, asked } = open(listing(Number.POSITIVE_INFINITY))
      expect((await push.subscribe(null)).subscription?.id).toBe('new')
      expect(asked.filter(({ method }) => method === 'GET').length).toBeLessThanOrEqual(20)
    })

    it('is never looked for at another host', async () => {
      const { push, asked } = open(listing(3, 'https://evil.test'))
      expect((await push.subscribe(null)).subscription?.id).toBe('new')
      expect(asked.every(({ url }) => url.host === 'graph.test')).toBe(true)
      expect(asked.some(({ url }) => url.href === LIST)).toBe(true)
    })

    it('ends with the one that stands when the mailbox is let go', async () => {
      const { push, steps } = open(listing(1))
      await push.unsubscribe(lease('known'))
      expect(ended(steps())).toEqual(['DELETE subscriptions/known', 'DELETE subscriptions/s0'])
    })
  })

  it('whose address leads elsewhere (www to apex) says what the address must be', async () => {
    const moved = 'Subscription validation request failed. HTTP status code is MovedPermanently.'
    const { push } = open(() => graphRefusal(400, 'ValidationError', moved))
    const error = await failing(push.subscribe(null))
    expect(error).toMatchObject({ kind: 'protocol', code: 'graph_url_unreachable' })
    expect(error.message).toContain(PUSH_URL)
    expect(error.hint).toContain('without a redirect')
  })

  it.each([
    ['404', () => graphRefusal(404, 'ResourceNotFound')],
    ['ErrorInvalidParameter', () => graphRefusal(400, 'ErrorInvalidParameter')],
  ] as [string, () => Response][])(
    'whose renewal is refused with %s is gone, so that it is made anew',
    async (_, answer) => {
      const { push } = open(answer)
      expect((await failing(push.renew(lease('s1')))).kind).toBe('not_found')
    },
  )

  it('whose renewal meets an outage is not gone', async () => {
    const { push } = open(() => graphRefusal(503, 'serviceNotAvailable'))
    expect((await failing(push.renew(lease('s1')))).kind).toBe('transient')
  })

  it('that Microsoft refuses says that the mailbox is asked at intervals', async () => {
    const wordsOf = async (push: PushCapable) => (await failing(push.subscribe(null))).message
    for (const kind of ['own', 'shared', 'app'] as const)
      expect(await wordsOf(open(() => graphRefusal(403, 'ErrorAccessDenied'), kind).push)).toContain('at intervals')
    expect(await wordsOf(open(() => graphRefusal(403, 'ErrorAccessDenied'), 'shared').push)).toContain('shared mailbox')
  })

  it('is ended once, and once more without harm', async () => {
    const { push, steps } = open(({ method }) =>
      method === 'GET' ? json({ value: [] }) : graphRefusal(404, 'ResourceNotFound'),
    )
    await push.unsubscribe(lease('s1'))
    expect(steps()).toEqual(['DELETE subscriptions/s1', 'GET subscriptions'])
  })
})
