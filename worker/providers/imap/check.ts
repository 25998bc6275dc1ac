// The IMAP half of "Test connection": name, port, TLS, then a real login and a look at INBOX. Stops at the first step that fails.

import type { ImapLimits } from '../limits'
import { IMAP_PROBE, type ProbeDeps, probe } from '../probe'
import type { CheckStep } from '../provider'
import type { Server } from '../server'
import { toProviderError } from './errors'
import { createImapSession } from './session'

/** Steps in order, up to the first that fails. Never throws. */
export async function checkImap(deps: ProbeDeps, limits: ImapLimits, server: Server): Promise<CheckStep[]> {
  const steps = await probe(deps, server, IMAP_PROBE)
  if (steps.some((step) => step.status === 'fail')) return steps
  const started = deps.clock()
  const session = createImapSession({ connect: deps.connect, clock: deps.clock, limits }, server)
  const loginStep = (loggedInAt: number): CheckStep => ({
    name: 'Log in',
    status: 'pass',
    ms: loggedInAt - started,
    detail: `Logged in as ${server.username}.`,
  })
  try {
    const messages = await session.lend(async (loan) => loan.inbox.exists)
    const loggedInAt = session.loggedInAt() ?? started
    const count = messages === 1 ? '1 message' : `${messages} messages`
    const ms = deps.clock() - loggedInAt
    steps.push(loginStep(loggedInAt), { name: 'Open INBOX', status: 'pass', ms, detail: `INBOX holds ${count}.` })
  } catch (thrown) {
    const error = toProviderError(thrown, server)
    const loggedInAt = session.loggedInAt()
    if (loggedInAt !== null) steps.push(loginStep(loggedInAt))
    steps.push({
      name: loggedInAt === null ? 'Log in' : 'Open INBOX',
      status: 'fail',
      ms: deps.clock() - (loggedInAt ?? started),
      detail: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    })
  } finally {
    await session.close()
  }
  return steps
}
