ALTER TABLE `inboxes` ADD `mark_processed` text DEFAULT 'none' NOT NULL;--> statement-breakpoint
ALTER TABLE `inboxes` ADD `mark_folder` text;--> statement-breakpoint
ALTER TABLE `inboxes` ADD `mark_problem` text;--> statement-breakpoint
ALTER TABLE `ledger` ADD `links` text;--> statement-breakpoint
ALTER TABLE `ledger` ADD `mark_due_at` integer;--> statement-breakpoint
ALTER TABLE `ledger` ADD `mark_attempts` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX `ledger_mark` ON `ledger` (`tenant_id`,`inbox_id`,`mark_due_at`) WHERE mark_due_at is not null;