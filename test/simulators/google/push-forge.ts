// Pushes that Pub/Sub never sent: each variant is wrong in exactly one way. And the controls of everything about push.
import { accountOf, control, text } from '../shell/control.ts'
import type { Route } from '../shell/http.ts'
import type { Identity } from './identity.ts'
import type { Mishap, Push, PushSettings } from './push.ts'
import type { Store } from './store.ts'
import type { World } from './world.ts'

const VARIANTS = [
  'wrong_audience',
  'wrong_email',
  'unverified_email',
  'expired',
  'unsigned',
  'no_token',
  'foreign_key',
  'wrong_issuer',
  'replay',
  'malformed_base64',
  'malformed_data',
  'malformed_json',
] as const
type Variant = (typeof VARIANTS)[number]

const MISHAPS: readonly Mishap[] = ['drop', 'duplicate', 'reorder', 'hold']

type Parts = { world: World; identity: Identity; store: Store; push: Push }

export function pushControls(parts: Parts): Route[] {
  const { world, store, push } = parts
  return [
    control('push', (input) => {
      const next = MISHAPS.find((kind) => kind === input.next)
      if (!next) throw new Error(`next must be one of ${MISHAPS.join(', ')}`)
      push.plan(next, typeof input.count === 'number' ? input.count : 1)
    }),
    control('push/release', () => ({ released: push.release() })),
    control('push/announce', (input) => {
      const { email } = accountOf(world, input)
      const historyId = input.historyId === undefined ? store.mailbox(email).historyId : text(input, 'historyId')
      push.publish(email, historyId)
    }),
    control('push/topic', ({ grant, exists }) =>
      push.setTopic({
        granted: typeof grant === 'boolean' ? grant : undefined,
        exists: typeof exists === 'boolean' ? exists : undefined,
      }),
    ),
    control('push/settings', (input) => push.configure(settingsOf(input))),
    control('push/endpoint', (input) => {
      world.project.pushEndpoint = input.url === null ? null : text(input, 'url')
    }),
    control('push/forge', async (input) => {
      const variant = VARIANTS.find((known) => known === input.variant)
      if (!variant) throw new Error(`variant must be one of ${VARIANTS.join(', ')}`)
      return { status: await forge(parts, accountOf(world, input).email, variant) }
    }),
  ]
}

function settingsOf(input: Record<string, unknown>): Partial<PushSettings> {
  const settings: Partial<PushSettings> = {}
  for (const name of ['ackDeadline', 'minBackoff', 'maxBackoff', 'interval'] as const) {
    const value = input[name]
    if (typeof value === 'number') settings[name] = value
  }
  if (input.audience === null || typeof input.audience === 'string') settings.audience = input.audience
  return settings
}

/** Sends the forgery; the endpoint's status, null when it did not answer. */
async function forge({ world, identity, store, push }: Parts, email: string, variant: Variant): Promise<number | null> {
  const good = push.claims()
  const body = bodyOf(push, email, store.mailbox(email).historyId, new Date(world.clock()).toISOString(), variant)
  const signed = (claims: Record<string, unknown>, key: 'published' | 'foreign' = 'published') =>
    push.post(`Bearer ${identity.signJwt({ ...good, ...claims }, { key })}`, body)
  switch (variant) {
    case 'wrong_audience':
      return signed({ aud: 'https://elsewhere.example/api/webhooks/gmail-push' })
    case 'wrong_email':
      return signed({ email: 'somebody@other-project.iam.gserviceaccount.com' })
    case 'unverified_email':
      return signed({ email_verified: false })
    case 'expired':
      return signed({ iat: good.iat - 7_200, exp: good.iat - 3_600 })
    case 'wrong_issuer':
      return signed({ iss: 'https://accounts.example.com' })
    case 'foreign_key':
      return signed({}, 'foreign')
    case 'unsigned':
      return push.post(`Bearer ${encoded({ alg: 'none', typ: 'JWT' })}.${encoded(good)}.`, body)
    case 'no_token':
      return push.post(null, body)
    case 'replay': {
      const last = push.lastRequest()
      if (!last) throw new Error('nothing has been pushed yet')
      return push.post(last.authorization, last.body)
    }
    case 'malformed_base64':
    case 'malformed_data':
    case 'malformed_json':
      return signed({})
  }
}

function bodyOf(push: Push, email: string, historyId: string, publishTime: string, variant: Variant): string {
  const announcement = JSON.stringify({ emailAddress: email, historyId })
  const data = variant === 'malformed_data' ? announcement.slice(0, 20) : announcement
  const envelope = push.envelope(data, '2070443601310000', publishTime)
  if (variant === 'malformed_base64') envelope.message.data = '%%% not base64 %%%'
  const body = JSON.stringify(envelope)
  return variant === 'malformed_json' ? body.slice(0, body.length / 2) : body
}

const encoded = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')
