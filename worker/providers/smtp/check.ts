// The SMTP half of "Test connection": name, port, TLS, then greeting and login. Sends no message.
import type { CheckLimits, SmtpLimits } from '../limits'
import { type ProbeDeps, probe, SMTP_PROBE } from '../probe'
import type { CheckStep } from '../provider'
import type { Server } from '../server'
import { openSmtp } from './connection'
import { toProviderError } from './errors'

/** Steps in order, up to the first that fails. Never throws. */
export async function checkSmtp(
  deps: ProbeDeps & { limits: CheckLimits },
  limits: SmtpLimits,
  server: Server,
): Promise<CheckStep[]> {
  const steps = await probe(deps, server, SMTP_PROBE)
  if (steps.some((step) => step.status === 'fail')) return steps
  const started = deps.clock()
  try {
    const connection = await openSmtp({ connect: deps.connect, limits }, server)
    connection.close()
    const detail =
      server.username === '' ? 'The server takes mail without a login.' : `Logged in as ${server.username}.`
    steps.push({ name: 'Log in', status: 'pass', ms: deps.clock() - started, detail })
  } catch (thrown) {
    const error = toProviderError(thrown, server)
    steps.push({
      name: 'Log in',
      status: 'fail',
      ms: deps.clock() - started,
      detail: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    })
  }
  return steps
}
