import { describe, expect, test } from 'vitest'
import { readToken, replyAddress, signedMessageId } from '../../../worker/mail/reply-token'

const secret = 'a-secret-of-at-least-32-characters-0001'
const ours = { tenantId: 'ten_1', ticketId: 'tkt_01jd3k5m7p9r1t3v5x7z9b1d3f' }
const messageId = 'msg_01jd3k5m7p9r1t3v5x7z9b1d3g'
const id = () => signedMessageId(secret, { ...ours, messageId, domain: 'desk.example' })

describe('signed Message-IDs', () => {
  test('lead back to their ticket', async () => {
    expect(await readToken(secret, 'ten_1', await id())).toEqual({ ticketId: ours.ticketId })
  })

  test('are dot-atoms of modest length, the same for a retry and another for each message', async () => {
    const [first, again] = [await id(), await id()]
    expect(first).toBe(again)
    expect(first).toMatch(/^[a-z0-9-]+(?:\.[a-z0-9-]+)*@desk\.example$/)
    expect(first.length).toBeLessThanOrEqual(120)
    expect(await signedMessageId(secret, { ...ours, messageId: 'msg_other', domain: 'desk.example' })).not.toBe(first)
  })

  test('take an international domain in its ASCII form, and refuse what is none', async () => {
    const at = (domain: string) => signedMessageId(secret, { ...ours, messageId, domain })
    expect(await at('Büro.example')).toMatch(/@xn--bro-hoa\.example$/)
    for (const domain of ['', 'a b', 'x>\r\nBcc: y', 'x/y', 'x@y', '[192.0.2.1]'])
      await expect(at(domain)).rejects.toThrow(RangeError)
  })

  test('refuse ids that could not be read back', async () => {
    for (const ticketId of ['1', 'tkt_', 'tkt_a-b', 'tkt_A', 'tkt_a.b@c'])
      await expect(signedMessageId(secret, { ...ours, ticketId, messageId, domain: 'x.example' })).rejects.toThrow(
        RangeError,
      )
    await expect(signedMessageId(secret, { ...ours, messageId: '---', domain: 'x.example' })).rejects.toThrow(
      RangeError,
    )
  })

  test('survive what mail programs do to them', async () => {
    const value = await id()
    for (const seen of [
      value.toUpperCase(),
      `<${value}>`,
      ` ${value} `,
      `${value.slice(0, 40)}\r\n ${value.slice(40)}`,
      `"${value}"`,
    ])
      expect(await readToken(secret, 'ten_1', seen)).toEqual({ ticketId: ours.ticketId })
  })
})

describe('a token', () => {
  test('of another tenant, another secret or another ticket is none', async () => {
    const value = await id()
    expect(await readToken(secret, 'ten_2', value)).toBeNull()
    expect(await readToken(`${secret}x`, 'ten_1', value)).toBeNull()
    expect(await readToken(secret, 'ten_1', value.replace('pr-01jd', 'pr-01je'))).toBeNull()
  })

  test('with any other signature is none', async () => {
    const value = await id()
    const at = value.indexOf('.') - 16
    for (let i = 0; i < 16; i++) {
      const other = value[at + i] === 'a' ? 'b' : 'a'
      expect(await readToken(secret, 'ten_1', value.slice(0, at + i) + other + value.slice(at + i + 1))).toBeNull()
    }
    expect(await readToken(secret, 'ten_1', value.replace(/-[a-z2-7]{16}\./, '-.'))).toBeNull()
    expect(await readToken(secret, 'ten_1', value.replace(/-[a-z2-7]{16}\./, '-aaaaaaaaaaaaaaaa.'))).toBeNull()
  })

  test('is not seen in the middle of something else', async () => {
    const value = await id()
    expect(await readToken(secret, 'ten_1', `x${value}`)).toBeNull()
    expect(await readToken(secret, 'ten_1', value.replace('@', 'x@').replace('.', ''))).toBeNull()
    for (const nothing of ['', 'a@b', 'pr-', 'pr-1-2@x', '<>', 'p'.repeat(100_000)])
      expect(await readToken(secret, 'ten_1', nothing)).toBeNull()
  })
})

describe('reply addresses', () => {
  test('lead back to their ticket, in any case and with a name around them', async () => {
    const address = await replyAddress(secret, { ...ours, address: 'Support@desk.example' })
    expect(address).toMatch(/^Support\+pr-[a-z0-9-]+@desk\.example$/)
    for (const seen of [address ?? '', (address ?? '').toUpperCase(), `Support <${address}>`])
      expect(await readToken(secret, 'ten_1', seen)).toEqual({ ticketId: ours.ticketId })
    expect(await readToken(secret, 'ten_2', address ?? '')).toBeNull()
  })

  test('replace a detail that is there, and are not made where a local part would grow too long', async () => {
    expect(await replyAddress(secret, { ...ours, address: 'a+b@desk.example' })).toMatch(/^a\+pr-/)
    expect(await replyAddress(secret, { ...ours, address: `${'a'.repeat(17)}@desk.example` })).not.toBeNull()
    expect(await replyAddress(secret, { ...ours, address: `${'a'.repeat(18)}@desk.example` })).toBeNull()
    expect(await replyAddress(secret, { ...ours, address: 'nobody' })).toBeNull()
  })
})
