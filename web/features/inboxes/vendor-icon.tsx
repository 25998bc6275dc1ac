// The vendors' marks.
import { IconBrandGoogle, IconBrandWindows } from '@tabler/icons-react'
import type { Vendor } from './vendors'

export function VendorIcon({ vendor, size }: { vendor: Vendor; size?: number }) {
  const Icon = vendor === 'google' ? IconBrandGoogle : IconBrandWindows
  return <Icon size={size} aria-hidden />
}
