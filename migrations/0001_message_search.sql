-- Search over tickets: one inverted index that answers any combination of words and filters in order of activity, without sorting.
-- A row's rowid is (last activity, tie-break), so walking it backwards is "newest first"; its words are the ticket's words plus one key
-- word per tenant, status, inbox, assignee, tag and number (features/tickets/search-index.ts). Contentless, doclists only.
CREATE VIRTUAL TABLE ticket_search USING fts5(
  words,
  content='', contentless_delete=1, detail=none, prefix='3',
  tokenize='unicode61 remove_diacritics 2'
);
--> statement-breakpoint
-- Which ticket a rowid stands for.
CREATE TABLE ticket_search_rows (
  key INTEGER PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  ticket_id TEXT NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX ticket_search_rows_ticket ON ticket_search_rows (tenant_id, ticket_id);
--> statement-breakpoint
-- Tickets whose row is out of date. Filled by triggers, so that no writer can forget it; emptied in bulk, since words are dear to index.
CREATE TABLE ticket_search_queue (
  tenant_id TEXT NOT NULL,
  ticket_id TEXT NOT NULL,
  PRIMARY KEY (tenant_id, ticket_id)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TRIGGER ticket_search_ticket_insert AFTER INSERT ON tickets BEGIN
  INSERT INTO ticket_search_queue VALUES (new.tenant_id, new.id) ON CONFLICT DO NOTHING;
END;
--> statement-breakpoint
CREATE TRIGGER ticket_search_ticket_update
AFTER UPDATE OF subject, status, inbox_id, assignee_id, contact_id, last_message_at ON tickets BEGIN
  INSERT INTO ticket_search_queue VALUES (new.tenant_id, new.id) ON CONFLICT DO NOTHING;
END;
--> statement-breakpoint
CREATE TRIGGER ticket_search_ticket_delete AFTER DELETE ON tickets BEGIN
  INSERT INTO ticket_search_queue VALUES (old.tenant_id, old.id) ON CONFLICT DO NOTHING;
END;
--> statement-breakpoint
CREATE TRIGGER ticket_search_message_insert AFTER INSERT ON messages BEGIN
  INSERT INTO ticket_search_queue VALUES (new.tenant_id, new.ticket_id) ON CONFLICT DO NOTHING;
END;
--> statement-breakpoint
CREATE TRIGGER ticket_search_message_update AFTER UPDATE OF ticket_id, text ON messages BEGIN
  INSERT INTO ticket_search_queue VALUES (old.tenant_id, old.ticket_id) ON CONFLICT DO NOTHING;
  INSERT INTO ticket_search_queue VALUES (new.tenant_id, new.ticket_id) ON CONFLICT DO NOTHING;
END;
--> statement-breakpoint
CREATE TRIGGER ticket_search_message_delete AFTER DELETE ON messages BEGIN
  INSERT INTO ticket_search_queue VALUES (old.tenant_id, old.ticket_id) ON CONFLICT DO NOTHING;
END;
--> statement-breakpoint
CREATE TRIGGER ticket_search_tag_insert AFTER INSERT ON ticket_tags BEGIN
  INSERT INTO ticket_search_queue VALUES (new.tenant_id, new.ticket_id) ON CONFLICT DO NOTHING;
END;
--> statement-breakpoint
CREATE TRIGGER ticket_search_tag_delete AFTER DELETE ON ticket_tags BEGIN
  INSERT INTO ticket_search_queue VALUES (old.tenant_id, old.ticket_id) ON CONFLICT DO NOTHING;
END;
--> statement-breakpoint
CREATE TRIGGER ticket_search_contact_update AFTER UPDATE OF name, email ON contacts
WHEN old.name IS NOT new.name OR old.email IS NOT new.email BEGIN
  INSERT INTO ticket_search_queue
  SELECT tenant_id, id FROM tickets WHERE tenant_id = new.tenant_id AND contact_id = new.id
  ON CONFLICT DO NOTHING;
END;
