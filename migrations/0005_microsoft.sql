CREATE TABLE `microsoft_bindings` (
	`tenant_id` text NOT NULL,
	`consumer` text NOT NULL,
	`profile_id` text NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `consumer`)
);
--> statement-breakpoint
CREATE INDEX `microsoft_bindings_profile` ON `microsoft_bindings` (`tenant_id`,`profile_id`);--> statement-breakpoint
CREATE TABLE `microsoft_profiles` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`display_name` text NOT NULL,
	`client_id` text NOT NULL,
	`secret` text,
	`directory_tenant` text NOT NULL,
	`capabilities` text DEFAULT '[]' NOT NULL,
	`is_default` integer DEFAULT false NOT NULL,
	`consent_required` integer DEFAULT false NOT NULL,
	`consent_granted_at` integer,
	`archived_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `microsoft_profiles_name` ON `microsoft_profiles` (`tenant_id`,`display_name`);--> statement-breakpoint
CREATE INDEX `microsoft_profiles_list` ON `microsoft_profiles` (`tenant_id`,`created_at`);--> statement-breakpoint
ALTER TABLE `inboxes` ADD `graph_subscription_id` text;--> statement-breakpoint
ALTER TABLE `inboxes` ADD `graph_subscription_expires_at` integer;--> statement-breakpoint
ALTER TABLE `inboxes` ADD `graph_client_state` text;--> statement-breakpoint
CREATE INDEX `inboxes_graph_subscription` ON `inboxes` (`graph_subscription_id`) WHERE graph_subscription_id is not null;--> statement-breakpoint
ALTER TABLE `oauth_states` ADD `details` text;