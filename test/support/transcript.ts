// Everything that leaves the Worker during a test file: answers and console lines, to be searched for secrets.
import { vi } from 'vitest'

/** Starts listening to the console; give each answer to `keep`. */
export function startTranscript() {
  const answers: string[] = []
  const lines: string[] = []
  for (const level of ['debug', 'log', 'info', 'warn', 'error'] as const) {
    vi.spyOn(console, level).mockImplementation((...args) => void lines.push(args.map(String).join(' ')))
  }
  return {
    lines,
    /** Notes an answer whole, but for the cookie it sets: that one is meant to carry the session. */
    async keep(response: Response): Promise<Response> {
      const headers = [...response.headers].filter(([name]) => name !== 'set-cookie')
      answers.push(JSON.stringify(headers), new TextDecoder().decode(await response.clone().arrayBuffer()))
      return response
    },
    /** The secrets that were found anywhere. */
    leaked(secrets: string[]): string[] {
      const all = [...answers, ...lines].join('\n')
      return secrets.filter((secret) => all.includes(secret))
    },
  }
}
