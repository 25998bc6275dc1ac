// One way to the API: the client typed by the Hono app, and errors as RFC 9457 problems that a screen can show.
import { type ClientResponse, hc } from 'hono/client'
import type { AppType } from '../../worker/app'
import type { Problem } from '../../worker/contract/http'

/** Every route under /api with its parameters, bodies and answers, as the Worker declares them. */
export const api = hc<AppType>('/').api

type ProblemBody = Partial<Problem> & Record<string, unknown>

/** A refused request. `message` is plain words for the person at the screen. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly fields: { path: string; message: string }[]
  /** The whole problem, for codes that carry more than the standard members. */
  readonly problem: ProblemBody

  constructor(status: number, problem: ProblemBody) {
    super(problem.detail ?? problem.errors?.[0]?.message ?? problem.title ?? 'Something went wrong. Try again.')
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

type AnyResponse = ClientResponse<unknown, number, string>
type JsonOf<R> = R extends ClientResponse<infer T, number, 'json'> ? T : never

/** The JSON of an answer. Throws ApiError for a refusal and OfflineError where there is no answer. */
export async function read<R extends AnyResponse>(pending: Promise<R>): Promise<JsonOf<R>> {
  return (await (await accepted(pending)).json()) as JsonOf<R>
}

/** Waits for an answer that carries nothing. Throws as `read` does. */
export async function done(pending: Promise<AnyResponse>): Promise<void> {
  await accepted(pending)
}

/** The response, once it is no refusal. */
export async function accepted<R extends Pick<Response, 'ok' | 'status' | 'text'>>(pending: Promise<R>): Promise<R> {
  let response: R
  try {
    response = await pending
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause
    throw new OfflineError(cause)
  }
  if (response.ok) return response
  throw problemOf(response.status, await response.text().catch(() => ''))
}

/** Reads a refusal's text, also where a proxy answered with something else than a problem. */
export function problemOf(status: number, text: string): ApiError {
  try {
    return new ApiError(status, JSON.parse(text) as ProblemBody)
  } catch {
    return new ApiError(status, { title: `The server answered ${status}. Try again in a moment.` })
  }
}
