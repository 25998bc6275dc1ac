// The provider contract against the Microsoft simulator, which checks every request against Microsoft's published contracts.
import { afterAll } from 'vitest'
import {
  type Account,
  appToken,
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

async function harnessOf(account: Account, options: Parameters<typeof mailbox>[1] = {}): Promise<ProviderHarness> {
  const ids: string[] = []
  return {
    open: ({ since }) => mailbox(account, { since, ...options }),
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
describeProviderContract('Graph, opened by the app itself,', async () => {
  const account = await newAccount()
  const app: Account = { ...account, mailbox: { kind: 'app', address: account.email } }
  return harnessOf(app, { token: appToken })
})
