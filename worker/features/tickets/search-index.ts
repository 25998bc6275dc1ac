// Keeps ticket_search (migrations/0001) up to date: takes tickets off the queue that triggers fill, and writes their rows anew.
import type { TenantDb } from '../../platform/db'

/** Newest messages of a ticket whose words are indexed, and the characters of each. */
const INDEXED = { messages: 100, characters: 8_000 } as const

/** SQL of a key word; its twin is keyWord() in search-words.ts. */
const key = (kind: string, value: string) => `' x${kind}' || lower(hex(${value}))`

const WORDS = `
  ${key('t', 't.tenant_id')} || ${key('s', 't.status')} || ${key('i', 't.inbox_id')} ||
  ${key('a', "coalesce(t.assignee_id, '')")} || ${key('n', 't.number')} ||
  coalesce((SELECT group_concat(${key('g', 'g.tag')}, '') FROM ticket_tags g WHERE g.tenant_id = ?1 AND g.ticket_id = t.id), '') ||
  ' ' || t.subject ||
  coalesce((SELECT ' ' || c.name || ' ' || c.email FROM contacts c WHERE c.tenant_id = ?1 AND c.id = t.contact_id), '') ||
  coalesce((SELECT ' ' || group_concat(m.from_name || ' ' || m.from_email || ' ' || m.subject || ' ' || substr(m.text, 1, ${INDEXED.characters}), ' ')
            FROM (SELECT from_name, from_email, subject, text FROM messages WHERE tenant_id = ?1 AND ticket_id = t.id
                  ORDER BY received_at DESC, id DESC LIMIT ${INDEXED.messages}) m), '')`

/**
 * Statements that index up to `limit` of the tenant's queued tickets, newest first; for the end of any batch that changed tickets,
 * since words written together cost a tenth of words written one by one.
 */
export function indexQueued(db: TenantDb, limit: number): D1PreparedStatement[] {
  // Every statement names the same tickets: a batch is one transaction and nothing before the last touches the queue.
  const queued = '(SELECT ticket_id FROM ticket_search_queue WHERE tenant_id = ?1 ORDER BY ticket_id DESC LIMIT ?2)'
  return [
    `DELETE FROM ticket_search WHERE rowid IN
       (SELECT key FROM ticket_search_rows WHERE tenant_id = ?1 AND ticket_id IN ${queued})`,
    `DELETE FROM ticket_search_rows WHERE tenant_id = ?1 AND ticket_id IN ${queued}`,
    // 42 bits of milliseconds (until 2109), 20 bits that tell tickets of one millisecond apart.
    `INSERT OR REPLACE INTO ticket_search_rows (key, tenant_id, ticket_id)
     SELECT (max(0, min(last_message_at, 4398046511103)) << 20) | (rowid & 1048575), tenant_id, id
     FROM tickets WHERE tenant_id = ?1 AND id IN ${queued}`,
    `INSERT OR REPLACE INTO ticket_search (rowid, words)
     SELECT r.key, ${WORDS}
     FROM ticket_search_rows r CROSS JOIN tickets t ON t.tenant_id = ?1 AND t.id = r.ticket_id
     WHERE r.tenant_id = ?1 AND r.ticket_id IN ${queued} ORDER BY r.key`,
    `DELETE FROM ticket_search_queue WHERE tenant_id = ?1 AND ticket_id IN ${queued}`,
  ].map((sql) => db.prepare(sql, limit))
}

/** Indexes queued tickets in batches until none is left or `most` are done. Answers whether the queue is empty. */
export async function drainSearchQueue(db: TenantDb, most: number, batch = 200): Promise<boolean> {
  for (let done = 0; done < most; done += batch) {
    const waiting = await db.prepare('SELECT 1 FROM ticket_search_queue WHERE tenant_id = ?1 LIMIT 1').first()
    if (!waiting) return true
    await db.batch(indexQueued(db, Math.min(batch, most - done)))
  }
  return false
}
