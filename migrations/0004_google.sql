CREATE TABLE `oauth_states` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`user_id` text NOT NULL,
	`inbox_id` text NOT NULL,
	`provider` text NOT NULL,
	`address` text NOT NULL,
	`verifier` text NOT NULL,
	`return_to` text NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `oauth_states_expiry` ON `oauth_states` (`expires_at`);--> statement-breakpoint
ALTER TABLE `inboxes` ADD `delivery_mode` text DEFAULT 'poll' NOT NULL;--> statement-breakpoint
ALTER TABLE `inboxes` ADD `last_push_at` integer;--> statement-breakpoint
ALTER TABLE `inboxes` ADD `push_problem` text;--> statement-breakpoint
ALTER TABLE `inboxes` ADD `google_address` text;--> statement-breakpoint
ALTER TABLE `inboxes` ADD `gmail_watch_expires_at` integer;--> statement-breakpoint
CREATE INDEX `inboxes_google_address` ON `inboxes` (`google_address`) WHERE google_address is not null;--> statement-breakpoint
ALTER TABLE `ledger` ADD `role` text;