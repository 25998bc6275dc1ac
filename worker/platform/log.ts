// One JSON line per event on the console. Values pass a redactor: what looks like a secret by its key never reaches a log.

const SECRET_KEY = /pass|secret|token|authorization|cookie|credential|key$|keys$/i

/** Copies a value with secret-looking members replaced, errors reduced to name, code and message, strings cut at 2,000 characters. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return value.length > 2000 ? `${value.slice(0, 2000)}…` : value
  if (value instanceof Error) {
    const code = (value as { code?: unknown }).code
    return {
      name: value.name,
      ...(code === undefined ? {} : { code }),
      message: value.message,
      ...(value.cause ? { cause: redact(value.cause, depth + 1) } : {}),
    }
  }
  if (value === null || typeof value !== 'object') return value
  if (depth > 4) return '…'
  if (Array.isArray(value)) return value.slice(0, 50).map((item) => redact(item, depth + 1))
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, SECRET_KEY.test(key) ? '[redacted]' : redact(item, depth + 1)]),
  )
}

function write(level: 'info' | 'warn' | 'error', event: string, fields: Record<string, unknown>): void {
  console[level](JSON.stringify({ level, event, ...(redact(fields) as Record<string, unknown>) }))
}

export const log = {
  info: (event: string, fields: Record<string, unknown> = {}) => write('info', event, fields),
  warn: (event: string, fields: Record<string, unknown> = {}) => write('warn', event, fields),
  error: (event: string, fields: Record<string, unknown> = {}) => write('error', event, fields),
}
