DROP INDEX `tickets_inbox`;--> statement-breakpoint
DROP INDEX `tickets_assignee`;--> statement-breakpoint
CREATE INDEX `tickets_inbox_assignee` ON `tickets` (`tenant_id`,`inbox_id`,`assignee_id`,`status`,`last_message_at`,`id`);--> statement-breakpoint
CREATE INDEX `tickets_created` ON `tickets` (`tenant_id`,`number`,`status`,`inbox_id`,`assignee_id`);--> statement-breakpoint
CREATE INDEX `tickets_contact` ON `tickets` (`tenant_id`,`contact_id`);--> statement-breakpoint
CREATE INDEX `tickets_inbox` ON `tickets` (`tenant_id`,`inbox_id`,`status`,`last_message_at`,`id`);--> statement-breakpoint
CREATE INDEX `tickets_assignee` ON `tickets` (`tenant_id`,`assignee_id`,`status`,`last_message_at`,`id`);