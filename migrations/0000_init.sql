CREATE TABLE `invitations` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`email` text NOT NULL,
	`role` text NOT NULL,
	`token_hash` text NOT NULL,
	`invited_by` text,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`accepted_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `invitations_token` ON `invitations` (`token_hash`);--> statement-breakpoint
CREATE INDEX `invitations_tenant` ON `invitations` (`tenant_id`,`created_at`);--> statement-breakpoint
CREATE TABLE `rate_limits` (
	`key` text PRIMARY KEY NOT NULL,
	`window_start` integer NOT NULL,
	`count` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `sessions` (
	`token_hash` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`user_id` text NOT NULL,
	`created_at` integer NOT NULL,
	`last_seen_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`user_agent` text
);
--> statement-breakpoint
CREATE INDEX `sessions_user` ON `sessions` (`tenant_id`,`user_id`);--> statement-breakpoint
CREATE INDEX `sessions_expiry` ON `sessions` (`expires_at`);--> statement-breakpoint
CREATE TABLE `users` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`email` text NOT NULL,
	`name` text NOT NULL,
	`role` text NOT NULL,
	`password_hash` text,
	`disabled_at` integer,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `users_email` ON `users` (`email`);--> statement-breakpoint
CREATE INDEX `users_tenant` ON `users` (`tenant_id`,`name`);--> statement-breakpoint
CREATE TABLE `contacts` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`name` text NOT NULL,
	`email` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `contacts_email` ON `contacts` (`tenant_id`,`email`);--> statement-breakpoint
CREATE TABLE `inboxes` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`name` text NOT NULL,
	`display_name` text NOT NULL,
	`email_address` text NOT NULL,
	`connection_type` text NOT NULL,
	`status` text DEFAULT 'disconnected' NOT NULL,
	`status_detail` text,
	`config` text,
	`credentials` text,
	`connected_at` integer,
	`last_sync_at` integer,
	`last_error` text,
	`next_poll_at` integer,
	`paused_at` integer,
	`pause_reason` text,
	`archived_at` integer,
	`import_days` integer DEFAULT 30 NOT NULL,
	`auto_response` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `inboxes_address` ON `inboxes` (`tenant_id`,`email_address`);--> statement-breakpoint
CREATE UNIQUE INDEX `inboxes_forward_address` ON `inboxes` (`email_address`) WHERE connection_type = 'forward';--> statement-breakpoint
CREATE INDEX `inboxes_list` ON `inboxes` (`tenant_id`,`archived_at`,`created_at`);--> statement-breakpoint
CREATE INDEX `inboxes_due` ON `inboxes` (`next_poll_at`);--> statement-breakpoint
CREATE TABLE `ledger` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`inbox_id` text NOT NULL,
	`identity` text NOT NULL,
	`ref` text NOT NULL,
	`state` text DEFAULT 'discovered' NOT NULL,
	`disposition` text,
	`reason` text,
	`message_id` text,
	`digest` text,
	`from_address` text,
	`subject` text,
	`received_at` integer,
	`raw_key` text,
	`size` integer,
	`upload` text,
	`attempts` integer DEFAULT 0 NOT NULL,
	`error` text,
	`due_at` integer,
	`apply_token` text,
	`ticket_id` text,
	`message_row_id` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `ledger_identity` ON `ledger` (`tenant_id`,`inbox_id`,`identity`);--> statement-breakpoint
CREATE INDEX `ledger_message_id` ON `ledger` (`tenant_id`,`message_id`) WHERE message_id is not null;--> statement-breakpoint
CREATE INDEX `ledger_due` ON `ledger` (`due_at`) WHERE due_at is not null;--> statement-breakpoint
CREATE INDEX `ledger_claim` ON `ledger` (`tenant_id`,`inbox_id`,`state`,`due_at`);--> statement-breakpoint
CREATE INDEX `ledger_list` ON `ledger` (`tenant_id`,`inbox_id`,`created_at`);--> statement-breakpoint
CREATE TABLE `tenants` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`plan` text NOT NULL,
	`last_ticket_number` integer DEFAULT 0 NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `attachments` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`inbox_id` text,
	`message_id` text,
	`ledger_id` text,
	`part` text,
	`filename` text NOT NULL,
	`content_type` text NOT NULL,
	`size` integer NOT NULL,
	`content_id` text,
	`inline` integer DEFAULT false NOT NULL,
	`state` text NOT NULL,
	`reason` text,
	`blob_key` text,
	`raw_key` text,
	`raw_start` integer,
	`raw_end` integer,
	`encoding` text,
	`sha256` text,
	`attempts` integer DEFAULT 0 NOT NULL,
	`due_at` integer,
	`uploaded_by` text,
	`expires_at` integer,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `attachments_part` ON `attachments` (`tenant_id`,`ledger_id`,`part`) WHERE ledger_id is not null;--> statement-breakpoint
CREATE INDEX `attachments_message` ON `attachments` (`tenant_id`,`message_id`);--> statement-breakpoint
CREATE INDEX `attachments_due` ON `attachments` (`due_at`) WHERE due_at is not null;--> statement-breakpoint
CREATE INDEX `attachments_expiry` ON `attachments` (`expires_at`) WHERE expires_at is not null;--> statement-breakpoint
CREATE TABLE `messages` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`ticket_id` text NOT NULL,
	`inbox_id` text NOT NULL,
	`ledger_id` text,
	`direction` text NOT NULL,
	`author_id` text,
	`from_name` text DEFAULT '' NOT NULL,
	`from_email` text DEFAULT '' NOT NULL,
	`to_json` text DEFAULT '[]' NOT NULL,
	`cc_json` text DEFAULT '[]' NOT NULL,
	`bcc_json` text DEFAULT '[]' NOT NULL,
	`subject` text DEFAULT '' NOT NULL,
	`text` text DEFAULT '' NOT NULL,
	`body_key` text,
	`raw_key` text,
	`raw_size` integer,
	`message_id` text,
	`in_reply_to` text,
	`references_json` text DEFAULT '[]' NOT NULL,
	`trace` text,
	`automated` text,
	`received_at` integer NOT NULL,
	`created_at` integer NOT NULL,
	`delivery_state` text,
	`delivery_detail` text,
	`delivery_attempts` integer DEFAULT 0 NOT NULL,
	`delivery_due_at` integer,
	`sent_at` integer
);
--> statement-breakpoint
CREATE INDEX `messages_ticket` ON `messages` (`tenant_id`,`ticket_id`,`received_at`,`id`);--> statement-breakpoint
CREATE INDEX `messages_message_id` ON `messages` (`tenant_id`,`message_id`) WHERE message_id is not null;--> statement-breakpoint
CREATE INDEX `messages_delivery_due` ON `messages` (`delivery_due_at`) WHERE delivery_due_at is not null;--> statement-breakpoint
CREATE TABLE `thread_refs` (
	`tenant_id` text NOT NULL,
	`message_id` text NOT NULL,
	`ticket_id` text NOT NULL,
	`kind` text NOT NULL,
	PRIMARY KEY(`tenant_id`, `message_id`, `kind`, `ticket_id`)
);
--> statement-breakpoint
CREATE INDEX `thread_refs_ticket` ON `thread_refs` (`tenant_id`,`ticket_id`);--> statement-breakpoint
CREATE TABLE `ticket_tags` (
	`tenant_id` text NOT NULL,
	`tag` text NOT NULL,
	`ticket_id` text NOT NULL,
	PRIMARY KEY(`tenant_id`, `ticket_id`, `tag`)
);
--> statement-breakpoint
CREATE INDEX `ticket_tags_tag` ON `ticket_tags` (`tenant_id`,`tag`,`ticket_id`);--> statement-breakpoint
CREATE TABLE `tickets` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`number` integer NOT NULL,
	`subject` text NOT NULL,
	`status` text NOT NULL,
	`priority` text DEFAULT 'normal' NOT NULL,
	`inbox_id` text NOT NULL,
	`assignee_id` text,
	`contact_id` text NOT NULL,
	`message_count` integer DEFAULT 0 NOT NULL,
	`last_message_at` integer NOT NULL,
	`merged_into_id` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `tickets_number` ON `tickets` (`tenant_id`,`number`);--> statement-breakpoint
CREATE INDEX `tickets_activity` ON `tickets` (`tenant_id`,`last_message_at`,`id`);--> statement-breakpoint
CREATE INDEX `tickets_status` ON `tickets` (`tenant_id`,`status`,`last_message_at`,`id`);--> statement-breakpoint
CREATE INDEX `tickets_inbox` ON `tickets` (`tenant_id`,`inbox_id`,`last_message_at`,`id`);--> statement-breakpoint
CREATE INDEX `tickets_assignee` ON `tickets` (`tenant_id`,`assignee_id`,`last_message_at`,`id`);