-- Full-text search over messages: one FTS5 row per message, kept by triggers so that no writer can forget it.
-- Contentless: the words are indexed, the text stays in `messages`. The tenant is an indexed column, so a search never leaves it.
CREATE VIRTUAL TABLE message_search USING fts5(
  tenant, subject, contact, body,
  content='', contentless_delete=1,
  tokenize='unicode61 remove_diacritics 2'
);
--> statement-breakpoint
CREATE TRIGGER messages_search_insert AFTER INSERT ON messages BEGIN
  INSERT INTO message_search(rowid, tenant, subject, contact, body)
  VALUES (new.rowid, new.tenant_id, new.subject, new.from_name || ' ' || new.from_email, new.text);
END;
--> statement-breakpoint
CREATE TRIGGER messages_search_delete AFTER DELETE ON messages BEGIN
  DELETE FROM message_search WHERE rowid = old.rowid;
END;
