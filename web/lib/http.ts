// One way to the API: the typed client, and errors as RFC 9457 problems that a screen can show.
import type { Problem } from '../../worker/contract/http'

/** A refused or failed request. `message` is plain words for the person at the screen. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly fields: { path: string; message: string }[]
  /** The whole problem, for codes that carry more than the standard members. */
  readonly problem: Partial<Problem> & Record<string, unknown>

  constructor(status: number, problem: Partial<Problem> & Record<string, unknown>) {
    super(problem.detail ?? problem.title ?? 'Something went wrong. Try again.')
    this.status = status
    this.code = problem.code ?? 'unknown'
    this.fields = problem.errors ?? []
    this.problem = problem
  }
}

/** The server could not be reached at all. */
export class OfflineError extends Error {
  constructor(cause: unknown) {
    super('Postroom cannot be reached. Check your connection and try again.', { cause })
  }
}

/** Plain words for any error. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'Something went wrong. Try again.'
}

/** Waits for the answer and reads its JSON; throws ApiError for a refusal and OfflineError when there is no answer. */
export async function answer(pending: Promise<Response>): Promise<Response> {
  let response: Response
  try {
    response = await pending
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause
    throw new OfflineError(cause)
  }
  if (response.ok || response.status === 304) return response
  throw await errorOf(response)
}

/** The ApiError of a refused response, also where a proxy answered with something else than a problem. */
export async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => '')
  return problemOf(response.status, text)
}

/** Reads a problem from the text of an answer. */
export function problemOf(status: number, text: string): ApiError {
  try {
    return new ApiError(status, JSON.parse(text) as Partial<Problem>)
  } catch {
    return new ApiError(status, { code: 'unknown', title: `The server answered ${status}. Try again in a moment.` })
  }
}

type Call = { query?: object; body?: unknown; signal?: AbortSignal; headers?: Record<string, string> }

/** Sends one JSON request and reads the JSON answer (undefined for an empty one). */
export async function call<T>(method: string, path: string, { query, body, signal, headers }: Call = {}): Promise<T> {
  const params = new URLSearchParams()
  for (const [key, value] of Object.entries(query ?? {})) if (value !== undefined) params.set(key, String(value))
  const url = params.size > 0 ? `${path}?${params}` : path
  const response = await answer(
    fetch(url, {
      method,
      ...(signal ? { signal } : {}),
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }),
  )
  const text = await response.text()
  return (text ? JSON.parse(text) : undefined) as T
}
