// The simulator as a process: `node main.ts --port 8790 --state .postroom/google --account support@acme.example=Support …`. Prints one line of JSON with its URL when it listens.
// It ends with the process that started it: when stdin closes, however that came about.
import { parseArgs } from 'node:util'
import { startGoogle } from './server.ts'

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    state: { type: 'string' },
    'client-id': { type: 'string' },
    'client-secret': { type: 'string' },
    'redirect-uri': { type: 'string', multiple: true },
    'push-endpoint': { type: 'string' },
    topic: { type: 'string' },
    'service-account': { type: 'string' },
    account: { type: 'string', multiple: true },
  },
})

const google = await startGoogle({
  port: Number(values.port),
  state: values.state,
  ...defined({
    clientId: values['client-id'],
    clientSecret: values['client-secret'],
    redirectUris: values['redirect-uri'],
    pushEndpoint: values['push-endpoint'],
    topic: values.topic,
    serviceAccount: values['service-account'],
  }),
})
for (const account of values.account ?? []) {
  const [email = '', name] = account.split('=')
  google.world.addAccount(email, name)
}
console.log(JSON.stringify({ url: google.url }))

let ending = false
async function end() {
  if (ending) return
  ending = true
  await google.close()
  process.exit(0)
}
process.on('SIGTERM', end)
process.on('SIGINT', end)
process.stdin.on('end', end).on('close', end).on('error', end).resume()

/** Without the entries that are undefined, so that defaults stand. */
function defined<T extends object>(entries: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
}
