// Pure: which hosts a provider may send us to. A token goes nowhere else.
import { ProviderError } from './provider'

/** `base`: the configured URL; `trustedHosts`: `host` or `host:port`, lower case. */
export type Origin = { base: string; trustedHosts: readonly string[] }

/**
 * A link or redirect of a provider as an absolute URL, resolved against `from`. Throws a ProviderError unless its host is that of the
 * configured URL or a trusted one, over https or as the configured URL is.
 */
export function trustedUrl(origin: Origin, link: string, from: string): string {
  const base = new URL(origin.base)
  let url: URL
  try {
    url = new URL(link, from)
  } catch {
    throw new ProviderError('protocol', 'http_bad_link', 'The mail service named an address that is none.')
  }
  const secure = url.protocol === 'https:' || url.protocol === base.protocol
  const known = url.host === base.host || origin.trustedHosts.includes(url.host)
  if (secure && known && url.username === '' && url.password === '') return url.href
  throw new ProviderError(
    'protocol',
    'untrusted_host',
    `The mail service points to ${url.host || 'another place'}, which is not trusted.`,
    {
      hint: 'If that host belongs to the provider, an operator adds it to TRUSTED_PROVIDER_HOSTS.',
    },
  )
}
