// Routes of the installation's operator: bearer OPERATOR_TOKEN, 404 while none is set. `npm run tenant` calls them.
import { Hono } from 'hono'
import {
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
import { changePlan, createTenant, listTenants } from './service'

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
      const { APP_URL: appUrl, DEFAULT_PLAN } = c.get('settings')
      const body = c.req.valid('json')
      const deps = { db: systemDb(c.env.DB), now: c.get('clock')(), appUrl }
      return c.json(await createTenant(deps, { ...body, plan: body.plan ?? DEFAULT_PLAN }), 201)
    },
  )
  .patch(
    '/operator/tenants/:id',
    operatorRoute("Change a tenant's plan"),
    json(OperatorPlanBody),
    answers(200, OperatorTenantAnswer),
    async (c) => c.json({ tenant: await changePlan(systemDb(c.env.DB), c.req.param('id'), c.req.valid('json').plan) }),
  )
