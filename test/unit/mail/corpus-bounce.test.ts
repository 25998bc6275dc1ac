// Real delivery reports and notices, and mails that only look like them, with the status and hardness their source states.
import { describe, expect, test } from 'vitest'
import { parseBytes } from '../../../worker/mail/parse'
import { bytesOf, cases, sharedCorpus } from './corpus'

type Expected = { recipients: { dsn_status: string; reason: string; hard_bounce: boolean }[] }

/** Where we differ from the source on purpose: the statuses we give (null: no bounce), and why. */
const EXCEPTIONS: Record<string, { statuses: string[] | null; why: string }> = {
  'sisimai/bsd/lhost-aol-05': {
    statuses: ['5.4.4'],
    why: 'the source expects nothing; the report names recipient, action and status',
  },
  'sisimai/bsd/lhost-aol-06': { statuses: ['5.4.4'], why: 'as lhost-aol-05' },
  'sisimai/bsd/lhost-exim-07': {
    statuses: ['5.2.2'],
    why: 'a full mailbox that Exim has given up on; temporary for the source',
  },
  'sisimai/bsd/lhost-exim-08': { statuses: ['5.4.7'], why: 'given up after a long time; temporary for the source' },
  'sisimai/bsd/lhost-exim-60': {
    statuses: ['5.2.2'],
    why: 'Status 5.0.0 with "mailbox is full" and no code: the words say more',
  },
  'sisimai/bsd/lhost-fml-03': { statuses: null, why: 'a list manager telling its owner of a loop; no delivery failed' },
  'sisimai/bsd/lhost-sendmail-08': {
    statuses: ['4.4.7'],
    why: 'the report says expired and quotes 4.7.1; the field tells more',
  },
  'sisimai/bsd/lhost-sendmail-14': {
    statuses: null,
    why: 'a person forwards a bounce; for a helpdesk that is a customer writing',
  },
  'sisimai/bsd/rfc3464-28': { statuses: ['2.1.5'], why: 'two mails in one mbox file; a raw message is one mail' },
}
/** Statuses of the form x.0.9nn are the source's own invention for "no code given": only their class can be compared. */
const INVENTED = /\.0\.9\d\d$/

const judged = cases
  .filter(({ group }) => group === 'bounce')
  .map((one) => {
    const recipients = (one.expected as Expected | undefined)?.recipients ?? []
    return {
      ...one,
      recipients,
      isBounce: recipients.some(({ reason }) => reason !== 'feedback' && reason !== 'vacation'),
    }
  })

describe('bounces of the corpus', () => {
  const bounces = judged.filter((one) => one.isBounce)
  const others = judged.filter((one) => !one.isBounce && !(one.id in EXCEPTIONS))

  test.each(bounces.filter(({ id }) => !(id in EXCEPTIONS)))('$id: status and hardness', async (one) => {
    const { bounce, automated } = await parseBytes(bytesOf(one))
    const wanted = one.recipients.map(({ dsn_status }) => dsn_status).toSorted()
    const statuses = (bounce?.recipients ?? []).map(({ status }) => status ?? '').toSorted()
    expect(statuses.map((status, i) => (INVENTED.test(wanted[i] ?? '') ? status.slice(0, 1) : status))).toEqual(
      wanted.map((status) => (INVENTED.test(status) ? status.slice(0, 1) : status)),
    )
    if (one.recipients.some(({ hard_bounce }) => hard_bounce)) expect(bounce?.permanent).toBe(true)
    expect(automated.kind).toBe('bounce')
    for (const { address } of bounce?.recipients ?? []) expect(address).toMatch(/^\S+@\S+$/)
  })

  test.each(others)('$id is no bounce', async (one) => {
    const { bounce, automated } = await parseBytes(bytesOf(one))
    expect(bounce).toBeNull()
    expect(automated.kind).not.toBe('bounce')
  })

  test.each(judged.filter(({ id }) => id in EXCEPTIONS))('$id differs from its source as described', async (one) => {
    const { bounce } = await parseBytes(bytesOf(one))
    expect(bounce?.recipients.map(({ status }) => status) ?? null).toEqual(EXCEPTIONS[one.id]?.statuses)
  })

  test('the original is found wherever the report quotes its Message-ID', async () => {
    let found = 0
    for (const one of bounces) if ((await parseBytes(bytesOf(one))).bounce?.originalMessageId) found++
    const right = bounces.filter(({ id }) => !(id in EXCEPTIONS)).length
    console.info(`bounces: ${right} of ${bounces.length} as the source says; ${found} name the original message`)
    if (sharedCorpus) expect([bounces.length, right, found]).toEqual([179, 172, 154])
    expect(found / bounces.length).toBeGreaterThan(0.7)
  })
})
