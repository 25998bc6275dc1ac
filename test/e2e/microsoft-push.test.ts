// Graph's notifications against the running app: believed after the handshake, forged ones refused, subscriptions renewed, replaced,
// refused, and the mail they stand for, whatever becomes of them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectMicrosoft } from '../support/microsoft.mjs'
import { until } from '../support/running-app.mjs'
import { simulatorControl } from '../support/simulator.mjs'
import { type Client, type Product, signIn, startProduct } from './harness'

const SUPPORT = 'support@contoso.example'
const SHARED = 'info@contoso.example'
const ANNA = 'anna@contoso.example'
const CUSTOMER = 'jane@fabrikam.example'

let product: Product
let client: Client
let microsoft: ReturnType<typeof simulatorControl>
let inboxId = ''

type Standing = { id: string; mailbox: string; expires: number; resource: string }
const inbox = (id = inboxId) => client.api('GET', `/api/inboxes/${id}`)
const tickets = async (id = inboxId) => (await client.api('GET', `/api/tickets?inboxId=${id}`)).items
const standing = async (mailbox = SUPPORT): Promise<Standing[]> =>
  (await microsoft('subscriptions')).subscriptions.filter((one: Standing) => one.mailbox === mailbox)
const connect = (address: string, more: object = {}) =>
  connectMicrosoft({
    base: product.app.base,
    api: client.api,
    cookie: client.cookie(),
    control: microsoft,
    address,
    ...more,
  })
const arrives = (subject: string, id = inboxId) =>
  until(`“${subject}”`, async () =>
    (await tickets(id)).some((ticket: { subject: string }) => ticket.subject === subject),
  )
const deliver = (subject: string, to = SUPPORT) =>
  microsoft('deliver', { to, from: CUSTOMER, subject, text: 'Please help.' })

beforeAll(async () => {
  // Polling alone would take ten minutes: what arrives within the tests was announced.
  product = await startProduct({ POSTROOM_POLL_SECONDS: '600' })
  client = await signIn(product)
  microsoft = simulatorControl(product.app.microsoftUrl)
}, 180_000)
afterAll(() => product?.dispose())

describe('a Microsoft inbox', () => {
  it('is told of new mail as soon as its subscription stands, by the handshake alone', async () => {
    inboxId = (await connect(SUPPORT)).id
    const answer = await until('push mode', async () => {
      const found = await inbox()
      return found.delivery.mode === 'push' ? found : null
    })
    const [subscription, ...more] = await standing()
    expect(more).toEqual([])
    expect(subscription?.resource).toBe("me/mailFolders('Inbox')/messages")
    expect(Date.parse(answer.delivery.expiresAt)).toBe(subscription?.expires)
    expect(answer).toMatchObject({ status: 'connected', delivery: { problem: null } })
  })

  it('receives by notification, replies, and sees what is written in Outlook', async () => {
    await deliver('The printer is on fire')
    await arrives('The printer is on fire')
    expect((await inbox()).delivery.lastPushAt).not.toBeNull()
    const [ticket] = await tickets()
    const reply = await client.api('POST', `/api/tickets/${ticket.id}/replies`, { text: 'Try turning it off.' })
    await until('the reply is sent', async () => {
      const { messages } = await client.api('GET', `/api/tickets/${ticket.id}`)
      return messages.find((message: { id: string }) => message.id === reply.id)?.delivery?.state === 'sent'
    })
    const { messages } = await microsoft(`messages?account=${SUPPORT}`)
    const received = messages.find((message: { subject?: string }) => message.subject === 'The printer is on fire')
    await microsoft('send-as-user', { account: SUPPORT, to: CUSTOMER, text: 'From Outlook.', inReplyTo: received.id })
    await client.api('POST', `/api/inboxes/${inboxId}/sync`)
    await until('the message from Outlook', async () => (await tickets())[0]?.messageCount === 3)
    expect((await inbox()).delivery.mode).toBe('push')
  })

  it('takes no notice of an old mail that somebody reads in Outlook', async () => {
    const other = (await connect(ANNA, { importDays: 0 })).id
    await until('push mode', async () => (await inbox(other)).delivery.mode === 'push')
    const old = await microsoft('deliver', { to: ANNA, from: CUSTOMER, subject: 'Unwanted', folder: 'archive' })
    const { id } = await microsoft('deliver', { to: ANNA, from: CUSTOMER, subject: 'Known' })
    await arrives('Known', other)
    await microsoft('change', { account: ANNA, id, isRead: true })
    await microsoft('change', { account: ANNA, id: old.id, isRead: true })
    await client.api('POST', `/api/inboxes/${other}/sync`)
    const { summary } = await client.api('GET', `/api/inboxes/${other}/ledger`)
    expect(summary).toMatchObject({ total: 1 })
  })
})

describe('forged notifications', () => {
  it.each([
    ['wrong_client_state', 202],
    ['no_client_state', 202],
    ['unknown_subscription', 202],
    ['mixed', 202],
    ['malformed', 400],
    ['oversized', 413],
  ])('(%s) are answered with %i', async (variant, status) => {
    expect(await microsoft('subscriptions/forge', { account: SUPPORT, variant })).toEqual({ status })
  })
})

describe('lost, doubled and reordered notifications', () => {
  it('bring every mail once', async () => {
    await microsoft('notifications', { next: 'duplicate', count: 3 })
    for (const n of [1, 2, 3]) await deliver(`Doubled ${n}`)
    await microsoft('notifications', { next: 'reorder', count: 2 })
    for (const n of [1, 2]) await deliver(`Reordered ${n}`)
    await microsoft('notifications', { next: 'drop', count: 1 })
    await deliver('Dropped')
    await deliver('Told')
    for (const subject of ['Doubled 3', 'Reordered 2', 'Dropped', 'Told']) await arrives(subject)
    const subjects = (await tickets()).map((ticket: { subject: string }) => ticket.subject)
    expect(new Set(subjects).size).toBe(subjects.length)
  })

  it('make the inbox poll once a check finds what nobody announced, until the next announcement', async () => {
    const sincePush = async () => Date.now() - Date.parse((await inbox()).delivery.lastPushAt)
    await until('a quiet inbox', async () => (await sincePush()) > 31_000, 60_000)
    await client.api('POST', `/api/inboxes/${inboxId}/sync`)
    await microsoft('notifications', { next: 'drop', count: 1 })
    await deliver('Unannounced')
    await client.api('POST', `/api/inboxes/${inboxId}/sync`)
    const silent = await inbox()
    expect(silent.delivery).toMatchObject({ mode: 'poll', problem: expect.stringContaining('without an announcement') })
    await deliver('Announced again')
    await until('push mode', async () => (await inbox()).delivery.mode === 'push')
  }, 120_000)
})

describe('what Graph says of a subscription', () => {
  it('reauthorizationRequired: it is renewed at once', async () => {
    const [before] = await standing()
    await microsoft('lifecycle', { event: 'reauthorizationRequired', account: SUPPORT })
    await until('the renewal', async () => ((await standing())[0]?.expires ?? 0) > (before?.expires ?? 0))
    expect((await standing())[0]?.id).toBe(before?.id)
    await deliver('After the renewal')
    await arrives('After the renewal')
  })

  it('subscriptionRemoved: another one stands at once, and nothing is missed', async () => {
    const [before] = await standing()
    await microsoft('lifecycle', { event: 'subscriptionRemoved', account: SUPPORT })
    await deliver('While nobody listened')
    const after = await until('another subscription', async () =>
      (await standing()).find(({ id }) => id !== before?.id),
    )
    await arrives('While nobody listened')
    await until('push mode', async () => (await inbox()).delivery.mode === 'push')
    expect(await standing()).toEqual([after])
    await deliver('After the removal')
    await arrives('After the removal')
  })

  it('missed: the mailbox is read at once', async () => {
    await microsoft('notifications', { next: 'drop', count: 1 })
    await deliver('Missed')
    await microsoft('lifecycle', { event: 'missed', account: SUPPORT })
    await arrives('Missed')
  })
})

describe('connecting again', () => {
  it.each(['allow', 'refuse'] as const)(
    'leaves one subscription and not two (a second one: %s)',
    async (duplicates) => {
      const [before] = await standing()
      await microsoft('subscriptions/settings', { duplicates })
      await client.api('POST', `/api/inboxes/${inboxId}/pause`)
      await deliver(`While paused (${duplicates})`)
      await client.api('POST', `/api/inboxes/${inboxId}/resume`)
      await arrives(`While paused (${duplicates})`)
      await until('one other subscription', async () => {
        const [now, ...more] = await standing()
        return now && now.id !== before?.id && more.length === 0
      })
      await until('push mode', async () => (await inbox()).delivery.mode === 'push')
      await deliver(`Again (${duplicates})`)
      await arrives(`Again (${duplicates})`)
    },
  )
})

describe('a shared mailbox whose subscription is refused', () => {
  it('is polled and says so; once it is allowed it is told of new mail', async () => {
    await microsoft('subscriptions/settings', { shared: 'refuse', duplicates: 'allow' })
    const { id } = await connect(SHARED, { kind: 'shared', account: ANNA, name: 'Info' })
    const refused = await until('the reason', async () => {
      const found = await inbox(id)
      return found.delivery.problem ? found : null
    })
    expect(refused).toMatchObject({ status: 'connected', delivery: { mode: 'poll', expiresAt: null } })
    expect(refused.delivery.problem).toContain('shared mailbox')
    await deliver('To the shared mailbox', SHARED)
    await client.api('POST', `/api/inboxes/${id}/sync`)
    await arrives('To the shared mailbox', id)
    await microsoft('subscriptions/settings', { shared: 'allow' })
    await client.api('POST', `/api/inboxes/${id}/pause`)
    await client.api('POST', `/api/inboxes/${id}/resume`)
    await until('push mode', async () => (await inbox(id)).delivery.mode === 'push')
    expect((await standing(SHARED))[0]?.resource).toBe(`users/${SHARED}/mailFolders('Inbox')/messages`)
    await deliver('Announced', SHARED)
    await arrives('Announced', id)
  }, 90_000)
})

describe('in the end', () => {
  it('disconnecting ends the subscription, and every mail is accounted for', async () => {
    const { summary } = await client.api('GET', `/api/inboxes/${inboxId}/ledger`)
    expect(summary.unaccounted).toBe(0)
    await client.api('POST', `/api/inboxes/${inboxId}/disconnect`)
    expect(await standing()).toEqual([])
    expect((await inbox()).delivery).toMatchObject({ mode: 'poll', expiresAt: null, problem: null })
    expect(await microsoft('violations')).toEqual([])
  })
})
