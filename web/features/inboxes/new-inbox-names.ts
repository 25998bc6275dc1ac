// The name of a new inbox where nobody has typed one. Pure.

/** 'support@example.com' → 'Support' */
export function nameFrom(email: string): string {
  const local = email.split('@')[0]?.trim() ?? ''
  return local.charAt(0).toUpperCase() + local.slice(1)
}
