// The provider contract against the Microsoft simulator, which checks every request against Microsoft's published contracts.
import { afterAll } from 'vitest'
import {
  type Account,
  deliver,
  expectNoViolations,
  mailbox,
  messagesOf,
  newAccount,
  newShared,
  remove,
} from '../support/microsoft-lab'
import { describeProviderContract, type ProviderHarness } from '../support/provider-contract'

afterAll(expectNoViolations)

async function harnessOf(account: Account): Promise<ProviderHarness> {
  const ids: string[] = []
  return {
    open: ({ since }) => mailbox(account, { since }),
    async deliver(raw) {
      ids.push(await deliver(account, raw))
    },
    async remove(index) {
      const [id = ''] = ids.splice(index, 1)
      await remove(account, id)
    },
    untouched: async () => (await messagesOf(account)).every(({ isRead }) => !isRead),
  }
}

describeProviderContract('Graph, own mailbox,', async () => harnessOf(await newAccount()))
describeProviderContract('Graph, shared mailbox,', async () => harnessOf(await newShared()))
