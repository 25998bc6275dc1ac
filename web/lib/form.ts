// Small rules shared by the forms. The server decides; these only spare a round trip.
import { HTTP_LIMITS } from '../../worker/contract/limits'
import { ApiError } from './http'

export const rules = {
  required: (what: string) => (value: string) => (value.trim() ? null : `${what} is missing`),
  email: (value: string) => (isEmail(value) ? null : 'This does not look like an email address'),
  newPassword: (value: string) =>
    value.length < HTTP_LIMITS.password.min ? `Use at least ${HTTP_LIMITS.password.min} characters` : null,
}

export function isEmail(value: string): boolean {
  return /^[^\s@<>,;]+@[^\s@<>,;]+\.[^\s@<>,;]+$/.test(value.trim())
}

/** The problem's field errors in the shape Mantine's `form.setErrors` takes; empty when it names no fields. */
export function fieldErrors(error: unknown): Record<string, string> {
  if (!(error instanceof ApiError)) return {}
  return Object.fromEntries(error.fields.map((field) => [field.path, field.message]))
}
