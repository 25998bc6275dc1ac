// The provider contract against a real Dovecot, over each kind of connection.
import type { Security } from '../../worker/providers/server'
import { describeProviderContract } from '../support/provider-contract'
import { deliver, dovecotServer, flagsOf, mailbox, newUser, removeMessage } from '../support/provider-lab'

for (const security of ['tls', 'starttls', 'none'] satisfies Security[]) {
  describeProviderContract(`IMAP over ${security}`, async () => {
    const user = newUser()
    return {
      open: ({ since }) => mailbox({ imap: dovecotServer(user, security), since }),
      deliver: async (raw) => void (await deliver(user, raw)),
      remove: async (index) => void (await removeMessage(user, index)),
      untouched: async () => (await flagsOf(user)).every((flags) => flags === ''),
    }
  })
}
