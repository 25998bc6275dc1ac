// Routes of the installation's operator: bearer OPERATOR_TOKEN, 404 while none is set. `npm run tenant` calls them.
import { type Context, Hono } from 'hono'
import {
  InviteAnswer,
  InviteBody,
  OperatorNewTenantAnswer,
  OperatorPlanBody,
  OperatorTenantAnswer,
  OperatorTenantBody,
  TenantPage,
} from '../../contract/auth'
import { PageQuery } from '../../contract/http'
import type { AppEnv } from '../../platform/http/context'
import { answers, json, operatorRoute, query } from '../../platform/http/route'
import { systemDb } from '../../platform/system-db'
import { changePlan, createTenant, inviteInto, listTenants } from './service'

const depsOf = (c: Context<AppEnv>) => ({
  db: systemDb(c.env.DB),
  now: c.get('clock')(),
  appUrl: c.get('settings').APP_URL,
})

export const tenantRoutes = new Hono<AppEnv>()
  .get(
    '/operator/tenants',
    operatorRoute('All tenants of this installation'),
    query(PageQuery),
    answers(200, TenantPage),
    async (c) => c.json(await listTenants(systemDb(c.env.DB), c.req.valid('query'))),
  )
  .post(
    '/operator/tenants',
    operatorRoute('Make a tenant; answers the link for its first owner'),
    json(OperatorTenantBody),
    answers(201, OperatorNewTenantAnswer),
    async (c) => {
      const body = c.req.valid('json')
      const plan = body.plan ?? c.get('settings').DEFAULT_PLAN
      return c.json(await createTenant(depsOf(c), { ...body, plan }), 201)
    },
  )
  .patch(
    '/operator/tenants/:id',
    operatorRoute("Change a tenant's plan"),
    json(OperatorPlanBody),
    answers(200, OperatorTenantAnswer),
    async (c) => c.json({ tenant: await changePlan(systemDb(c.env.DB), c.req.param('id'), c.req.valid('json').plan) }),
  )
  .post(
    '/operator/tenants/:id/invitations',
    operatorRoute('Invite a person into a tenant; answers the link to hand over'),
    json(InviteBody),
    answers(201, InviteAnswer),
    async (c) => c.json(await inviteInto(depsOf(c), { ...c.req.valid('json'), tenantId: c.req.param('id') }), 201),
  )
