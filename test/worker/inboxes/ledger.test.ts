import { env } from 'cloudflare:test'
import { beforeAll, expect, it } from 'vitest'
import { LedgerAnswer } from '../../../worker/contract/inboxes'
import { ledgerStatement, SUMMARY_SQL } from '../../../worker/features/inboxes/ledger'
import { newId } from '../../../worker/platform/ids'
import { makeTenant, type TestTenant } from '../../support/session'

let tenant: TestTenant
const inbox = newId('inb')

beforeAll(async () => {
  tenant = await makeTenant()
  const insert = env.DB.prepare(
    `INSERT INTO ledger (id, tenant_id, inbox_id, identity, ref, state, disposition, subject, created_at, updated_at)
     VALUES (?1, ?2, ?3, ?1, '{}', ?4, ?5, ?6, ?7, 1)`,
  )
  const row = (i: number, state: string, disposition: string | null) =>
    // Created in groups of the same millisecond, as a pass does.
    insert.bind(newId('led'), tenant.tenantId, inbox, state, disposition, `mail ${i}`, Math.floor(i / 4))
  await env.DB.batch([
    env.DB.prepare(
      `INSERT INTO inboxes (id, tenant_id, name, display_name, email_address, connection_type, created_at, updated_at)
       VALUES (?, ?, 'Support', 'Support', 'ledger@example.test', 'imap', 1, 1)`,
    ).bind(inbox, tenant.tenantId),
    ...Array.from({ length: 12 }, (_, i) => row(i, 'done', i % 3 === 0 ? 'suppressed' : 'ticket_created')),
    row(12, 'discovered', null),
    row(13, 'stored', null),
  ])
})

async function ledger(search: string): Promise<LedgerAnswer> {
  const response = await tenant.fetch('admin', `/api/inboxes/${inbox}/ledger${search}`)
  expect(response.status).toBe(200)
  return LedgerAnswer.parse(await response.json())
}

it('sums up every row, and what has no disposition is unaccounted', async () => {
  const { summary } = await ledger('')
  expect(summary).toEqual({ total: 14, unaccounted: 2, byDisposition: { suppressed: 4, ticket_created: 8 } })
  const list = await tenant.fetch('agent', '/api/inboxes')
  expect(await list.json()).toMatchObject({ items: [{ id: inbox, unaccounted: 2 }] })
})

it('pages newest first through rows of the same millisecond without losing or doubling one', async () => {
  const seen: (string | null)[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const page: LedgerAnswer = await ledger(`?limit=3${cursor ? `&cursor=${cursor}` : ''}`)
    seen.push(...page.items.map((item) => item.subject))
    cursor = page.nextCursor
  }
  expect(seen).toEqual(Array.from({ length: 14 }, (_, i) => `mail ${13 - i}`))
})

it('filters by state and disposition, and finds what is unaccounted', async () => {
  expect((await ledger('?disposition=suppressed')).items).toHaveLength(4)
  expect((await ledger('?disposition=none')).items.map((item) => item.state)).toEqual(['stored', 'discovered'])
  expect((await ledger('?state=stored')).items).toHaveLength(1)
})

it('refuses a cursor or a filter that is none', async () => {
  const refused = await tenant.fetch('admin', `/api/inboxes/${inbox}/ledger?cursor=1;DROP`)
  expect(refused.status).toBe(400)
  expect((await tenant.fetch('admin', `/api/inboxes/${inbox}/ledger?state=lost`)).status).toBe(422)
})

it('reads page and summary from an index, without sorting', async () => {
  const plan = async (sql: string, params: unknown[]) =>
    (
      await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .bind(tenant.tenantId, ...params)
        .all<{ detail: string }>()
    ).results
      .map((row) => row.detail)
      .join('; ')
  const list = (page: { disposition?: 'quarantined' | 'none'; cursor?: string }) => {
    const { sql, params } = ledgerStatement(inbox, { limit: 50, ...page })
    return plan(sql, params)
  }
  expect(await plan(SUMMARY_SQL, [inbox])).toBe(
    'SEARCH ledger USING COVERING INDEX ledger_disposition (tenant_id=? AND inbox_id=?)',
  )
  expect(await list({ cursor: '5.5' })).toMatch(/^SEARCH ledger USING INDEX ledger_list \([^;]*$/)
  expect(await list({ disposition: 'quarantined' })).toMatch(/^SEARCH ledger USING INDEX ledger_disposition \([^;]*$/)
  expect(await list({ disposition: 'none' })).toMatch(/^SEARCH ledger USING INDEX ledger_disposition \([^;]*$/)
})
