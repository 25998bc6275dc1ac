import { describe, expect, it } from 'vitest'
import { matchExpression } from '../../../worker/features/tickets/search-words'

const words = (text: string) => matchExpression({ tenantId: 't' }, text)?.replace('"xt74" AND ', '') ?? null

describe('the words of a search', () => {
  it.each([
    ['printer on fire', '"printer" AND "on" AND "fire"*'],
    ['Überweisung', '"uberweisung"*'],
    ['e\u0301te\u0301', '"ete"*'],
    ['ab', '"ab"'],
    ['#0012', '"xn3132"'],
    ['12', '("xn3132" OR "12")'],
    ['12 34', '"12" AND "34"'],
    ['anna@customer.example', '"anna" AND "customer"'],
    ['anna@custom', '"anna" AND "custom"*'],
    ['"quoted" OR x NOT (y)', '"quoted" AND "or" AND "x" AND "not" AND "y"'],
    ['請求書', '"請求書"*'],
    ['?!*', null],
  ])('of %j are %s', (text, expected) => expect(words(text)).toBe(expected))

  it('are at most twelve', () => {
    expect(words(Array.from({ length: 40 }, (_, i) => `word${i}`).join(' '))?.split(' AND ')).toHaveLength(12)
  })
})

it('filters become key words that hold no character of the filter itself', () => {
  expect(
    matchExpression({ tenantId: 't', statuses: ['open', 'closed'], inboxId: 'i"', assigneeId: null, tag: 'ü x' }),
  ).toBe('"xt74" AND ("xs6f70656e" OR "xs636c6f736564") AND "xi6922" AND "xa" AND "xgc3bc2078"')
})
