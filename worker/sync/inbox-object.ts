// InboxObject: one per inbox, the only writer of that inbox's cursor.
import { DurableObject } from 'cloudflare:workers'
import type { Env } from '../env'

export class InboxObject extends DurableObject<Env> {}
