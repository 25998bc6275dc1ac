// The provider contract against the Google simulator, which checks every request against Google's published contracts.
import { afterAll } from 'vitest'
import { deliver, expectNoViolations, mailbox, messagesOf, newAccount, remove } from '../support/google-lab'
import { describeProviderContract } from '../support/provider-contract'

afterAll(expectNoViolations)

describeProviderContract('Gmail', async () => {
  const account = await newAccount()
  const ids: string[] = []
  const labels = new Map<string, string>()
  const labelsOf = async () => (await messagesOf(account)).map(({ id, labelIds }) => [id, String(labelIds)] as const)
  return {
    open: ({ since }) => mailbox(account, { since }),
    async deliver(raw) {
      ids.push(await deliver(account, raw))
      for (const [id, text] of await labelsOf()) labels.set(id, text)
    },
    async remove(index) {
      const [id = ''] = ids.splice(index, 1)
      await remove(account, id)
    },
    untouched: async () => (await labelsOf()).every(([id, text]) => labels.get(id) === text && text.includes('UNREAD')),
  }
})
