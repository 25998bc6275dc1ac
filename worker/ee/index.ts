// Entry of the enterprise edition: the core and the modules only it has.
import { createWorker } from '../create-worker'
import type { WorkerModule } from '../module'

const enterprise: WorkerModule = { id: 'enterprise' }

export { InboxObject } from '../sync/inbox-object'
export default createWorker([enterprise])
