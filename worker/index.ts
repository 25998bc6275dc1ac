// Entry of the community edition.
import { createWorker } from './create-worker'

export { InboxObject } from './sync/inbox-object'
export default createWorker([])
