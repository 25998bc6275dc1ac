// Numbers and addresses in words. Pure.
import type { Address } from '../../worker/contract/http'

const number = new Intl.NumberFormat()

/** '1,234 mails' */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${number.format(n)} ${n === 1 ? one : many}`
}

/** bytes as '830 B', '12 KB', '4.2 MB' */
export function fileSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  if (bytes < 1_000_000) return `${Math.round(bytes / 1000)} KB`
  return `${(bytes / 1_000_000).toFixed(bytes < 10_000_000 ? 1 : 0)} MB`
}

/** 'Ada <ada@example.com>', or the bare address where there is no name */
export function addressText({ name, email }: Address): string {
  return name && name !== email ? `${name} <${email}>` : email
}

/** The name, else the address. */
export function nameOf({ name, email }: Address): string {
  return name || email
}
