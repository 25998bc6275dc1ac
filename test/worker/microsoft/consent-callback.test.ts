// Coming back from Microsoft's admin consent page: never an error, and nothing noted but for an administrator of the tenant.
import { beforeEach, expect, it } from 'vitest'
import { makeTenant, ORIGIN, type TestTenant } from '../../support/session'
import { bindTo, type Caller, caller, makeProfile } from './lab'

const DIRECTORY = 'aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb'
let tenant: TestTenant
let call: Caller
let id: string
let state: string

beforeEach(async () => {
  tenant = await makeTenant()
  call = caller(tenant)
  id = await makeProfile(call, { consent: { required: true }, directoryTenant: DIRECTORY })
  const bound = (await (await bindTo(call, 'email', id)).json()) as { adminConsentUrl: string }
  state = new URL(bound.adminConsentUrl).searchParams.get('state') ?? ''
})

const agreed = () => `?admin_consent=True&tenant=${DIRECTORY}&state=${state}`
async function comeBack(query: string, role: 'owner' | 'admin' | 'agent' = 'admin', from = call): Promise<string> {
  const response = await from('GET', `/auth/microsoft/callback${query}`, { role })
  expect(response.status).toBe(302)
  expect(response.headers.get('cache-control')).toBe('no-store')
  return response.headers.get('location') ?? ''
}
const grantedAt = async () =>
  ((await (await call('GET', `/microsoft/profiles/${id}`)).json()) as { consent: { grantedAt: string | null } }).consent
    .grantedAt
const page = (result: string) => `${ORIGIN}/settings/integrations/microsoft?consent=${result}`

it('notes the consent and goes back to the bindings', async () => {
  expect(await comeBack(agreed())).toBe(page('granted'))
  expect(await grantedAt()).toEqual(expect.any(String))
  // Coming back twice is no harm.
  expect(await comeBack(agreed(), 'owner')).toBe(page('granted'))
})

it.each([
  ['a refusal', () => `?admin_consent=True&tenant=${DIRECTORY}&error=consent_required&state=${state}`, 'denied'],
  ['a forged state', () => `${agreed().slice(0, -8)}AAAAAAAA`, 'unknown'],
  ['no state', () => `?admin_consent=True&tenant=${DIRECTORY}`, 'unknown'],
  ['markup', () => '?admin_consent=<script>alert(1)</script>&state=consent.%3Cb%3E', 'unknown'],
])('says so in one word after %s', async (_name, query, result) => {
  expect(await comeBack(query())).toBe(page(result))
  expect(await grantedAt()).toBeNull()
})

it('notes nothing for an agent, for another tenant, or without a session', async () => {
  expect(await comeBack(agreed(), 'agent')).not.toContain('granted')
  expect(await comeBack(agreed(), 'admin', caller(await makeTenant()))).toBe(page('unknown'))
  const signedOut = { ...tenant, cookie: { ...tenant.cookie, admin: 'postroom_session=none' } }
  expect(await comeBack(agreed(), 'admin', caller(signedOut))).not.toContain('granted')
  expect(await grantedAt()).toBeNull()
})
