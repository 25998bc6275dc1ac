// `npm run tenant -- list | add "Name" owner@example.com [plan] | plan <id> <plan> | invite <id> email role`: the operator's routes from the shell.
// Against production set APP_URL and OPERATOR_TOKEN; otherwise it talks to the local run.
import { call, runningInstance } from './lib/local.mjs'

const [command, ...args] = process.argv.slice(2)
const remote = process.env.APP_URL && process.env.OPERATOR_TOKEN
const { base, operatorToken } = remote
  ? { base: process.env.APP_URL, operatorToken: process.env.OPERATOR_TOKEN }
  : await runningInstance()
const operator = (method, route, body) =>
  call(base, method, `/api/operator/tenants${route}`, { body, headers: { authorization: `Bearer ${operatorToken}` } })

try {
  console.log(JSON.stringify(await run(), null, 2))
} catch (error) {
  console.error(error.message)
  process.exit(1)
}

function run() {
  if (command === 'list') return operator('GET', args[0] ? `?cursor=${encodeURIComponent(args[0])}` : '')
  if (command === 'add' && args.length >= 2)
    return operator('POST', '', { tenantName: args[0], ownerEmail: args[1], plan: args[2] })
  if (command === 'plan' && args.length === 2) return operator('PATCH', `/${args[0]}`, { plan: args[1] })
  if (command === 'invite' && args.length === 3)
    return operator('POST', `/${args[0]}/invitations`, { email: args[1], role: args[2] })
  throw new Error(
    'usage: npm run tenant -- list [cursor] | add "Name" owner@example.com [plan] | plan <id> <plan> | invite <id> email role',
  )
}
