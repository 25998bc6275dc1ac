// The simulator as a process: `node main.ts --port 8791 --state .postroom/microsoft --redirect-uri http://… --account someone@contoso.example=Someone …`.
// Prints one line of JSON when it listens: its URL and the app for everybody. It ends with the process that started it: when stdin closes, however that came about.
import { parseArgs } from 'node:util'
import { APPS, startMicrosoft } from './server.ts'

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    state: { type: 'string' },
    'redirect-uri': { type: 'string', multiple: true },
    'notification-host': { type: 'string', multiple: true },
    account: { type: 'string', multiple: true },
  },
})

const microsoft = await startMicrosoft({
  port: Number(values.port),
  state: values.state,
  redirectUris: values['redirect-uri'],
  notificationHosts: values['notification-host'],
})
for (const account of values.account ?? []) {
  const [email = '', name] = account.split('=')
  microsoft.world.addAccount(email, name)
}
const { clientId, secrets } = APPS.multi
console.log(JSON.stringify({ url: microsoft.url, app: { clientId, clientSecret: secrets[0] } }))

let ending = false
async function end() {
  if (ending) return
  ending = true
  await microsoft.close()
  process.exit(0)
}
process.on('SIGTERM', end)
process.on('SIGINT', end)
process.stdin.on('end', end).on('close', end).on('error', end).resume()
