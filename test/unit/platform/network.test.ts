import { expect, it } from 'vitest'
import { networkOf } from '../../../worker/platform/rate-limit'

it.each([
  ['203.0.113.7', '203.0.113.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:0001:0002::1', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['', ''],
])('limits %j as %j: all of an IPv6 customer is one caller', (ip, network) => {
  expect(networkOf(ip)).toBe(network)
})
