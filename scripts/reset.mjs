// `npm run reset`: removes all local state (tenants, tickets, mails). Development secrets in .dev.vars stay.
import { existsSync, rmSync } from 'node:fs'
import { endLeftover } from './lib/processes.mjs'
import { localSettings } from './lib/settings.mjs'

const { state } = localSettings()
try {
  if (existsSync(state)) await endLeftover(state)
} catch (error) {
  console.error(error.message)
  process.exit(1)
}
rmSync(state, { recursive: true, force: true })
console.log(`Removed ${state}`)
