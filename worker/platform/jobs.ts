// Typed queues. Sending is one function; a lost message is no loss, since the sweeper finds what is due in the rows.
import type { Job } from '../contract/jobs'

export type JobSender = { send(job: Job): Promise<void> }

type Queues = { FETCH_QUEUE: Queue; INGEST_QUEUE: Queue; ATTACHMENT_QUEUE: Queue; OUTBOUND_QUEUE: Queue }

/** A sender that puts each kind of job on its queue. */
export function jobSender(queues: Queues): JobSender {
  const byKind: Record<Job['kind'], Queue> = {
    fetch: queues.FETCH_QUEUE,
    ingest: queues.INGEST_QUEUE,
    attachment: queues.ATTACHMENT_QUEUE,
    outbound: queues.OUTBOUND_QUEUE,
  }
  return {
    async send(job) {
      await byKind[job.kind].send(job, { contentType: 'json' })
    },
  }
}
