CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE command_syncs (
	application_id BIGINT NOT NULL, 
	guild_id BIGINT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	command_ids JSON NOT NULL, 
	synced_at DATETIME NOT NULL, 
	CONSTRAINT pk_command_syncs PRIMARY KEY (application_id, guild_id)
);
CREATE TABLE models (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	digest VARCHAR(64) NOT NULL, 
	path VARCHAR(200) NOT NULL, 
	metrics JSON NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	created_at DATETIME NOT NULL, activated_at DATETIME, configured_at DATETIME, shipped BOOLEAN, theme VARCHAR(32), 
	CONSTRAINT uq_models_digest UNIQUE (digest)
);
CREATE UNIQUE INDEX uq_models_active ON models (state) WHERE state = 'active';
CREATE TABLE generations (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	model_id INTEGER NOT NULL, 
	seed_text VARCHAR(100) NOT NULL, 
	seed BIGINT NOT NULL, 
	truncation DOUBLE NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	sheet_id INTEGER, 
	position SMALLINT NOT NULL, 
	parent_id INTEGER, 
	guild_id BIGINT, 
	channel_id BIGINT, 
	user_id BIGINT NOT NULL, 
	message_id BIGINT, 
	created_at DATETIME NOT NULL, 
	deleted_at DATETIME, near_path VARCHAR(50), near_strength DOUBLE, point BLOB, icon VARCHAR(32) DEFAULT '' NOT NULL, other_parent_id INTEGER, 
	CONSTRAINT fk_generations_model_id_models FOREIGN KEY(model_id) REFERENCES models (id), 
	CONSTRAINT fk_generations_parent_id_generations FOREIGN KEY(parent_id) REFERENCES generations (id), 
	CONSTRAINT fk_generations_sheet_id_generations FOREIGN KEY(sheet_id) REFERENCES generations (id), 
	CONSTRAINT uq_generations_sheet_id_position UNIQUE (sheet_id, position)
);
CREATE INDEX ix_generations_guild_id_seed ON generations (guild_id, seed);
CREATE TABLE schedules (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	guild_id BIGINT NOT NULL, 
	channel_id BIGINT NOT NULL, 
	user_id BIGINT NOT NULL, 
	local_time TIME NOT NULL, 
	zone VARCHAR(64) NOT NULL, 
	weekdays SMALLINT NOT NULL, 
	count SMALLINT NOT NULL, 
	catch_up_hours SMALLINT NOT NULL, 
	paused VARCHAR(16), 
	failures INTEGER NOT NULL, 
	next_run_at DATETIME, 
	created_at DATETIME NOT NULL, content VARCHAR(16) DEFAULT 'fresh' NOT NULL, next_date DATE, text VARCHAR(200), role_id BIGINT, model_id INTEGER, 
	CONSTRAINT uq_schedules_channel_id UNIQUE (channel_id)
);
CREATE INDEX ix_schedules_guild_id ON schedules (guild_id);
CREATE INDEX ix_schedules_next_run_at ON schedules (next_run_at);
CREATE TABLE posts (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	schedule_id INTEGER NOT NULL, 
	local_date DATE NOT NULL, 
	due_at DATETIME NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	claimed_at DATETIME, 
	tried_at DATETIME, 
	attempts SMALLINT NOT NULL, 
	generation_id INTEGER, 
	message_id BIGINT, 
	error VARCHAR(300), 
	CONSTRAINT fk_posts_generation_id_generations FOREIGN KEY(generation_id) REFERENCES generations (id), 
	CONSTRAINT fk_posts_schedule_id_schedules FOREIGN KEY(schedule_id) REFERENCES schedules (id) ON DELETE CASCADE, 
	CONSTRAINT uq_posts_schedule_id_local_date UNIQUE (schedule_id, local_date)
);
CREATE INDEX ix_posts_status ON posts (status);
CREATE INDEX ix_generations_message_id ON generations (message_id);
CREATE TABLE retrain_jobs (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	guild_id BIGINT, 
	channel_id BIGINT NOT NULL, 
	message_id BIGINT, 
	user_id BIGINT NOT NULL, 
	locale VARCHAR(16) NOT NULL, 
	source VARCHAR(16) NOT NULL, 
	added BOOLEAN NOT NULL, 
	kimg DOUBLE, 
	minutes DOUBLE, 
	state VARCHAR(16) NOT NULL, 
	cancelled_by BIGINT, 
	metrics JSON NOT NULL, 
	verdict VARCHAR(32), 
	error VARCHAR(500), 
	baseline_id INTEGER, 
	model_id INTEGER, 
	created_at DATETIME NOT NULL, 
	started_at DATETIME, 
	finished_at DATETIME, card VARCHAR(32), 
	CONSTRAINT fk_retrain_jobs_baseline_id_models FOREIGN KEY(baseline_id) REFERENCES models (id), 
	CONSTRAINT fk_retrain_jobs_model_id_models FOREIGN KEY(model_id) REFERENCES models (id)
);
CREATE INDEX ix_retrain_jobs_state ON retrain_jobs (state);
CREATE UNIQUE INDEX uq_retrain_jobs_running ON retrain_jobs (state) WHERE state = 'running';
CREATE TABLE guild_settings (
	guild_id BIGINT NOT NULL, 
	language VARCHAR(16), 
	channels JSON NOT NULL, 
	roles JSON NOT NULL, 
	quota INTEGER, 
	cooldown INTEGER NOT NULL, 
	spoiler BOOLEAN NOT NULL, model_id INTEGER, 
	CONSTRAINT pk_guild_settings PRIMARY KEY (guild_id)
);
CREATE TABLE quotas (
	guild_id BIGINT NOT NULL, 
	user_id BIGINT NOT NULL, 
	started_at DATETIME NOT NULL, 
	used INTEGER NOT NULL, 
	CONSTRAINT pk_quotas PRIMARY KEY (guild_id, user_id)
);
CREATE INDEX ix_quotas_started_at ON quotas (started_at);
CREATE TABLE blocked_users (
	guild_id BIGINT NOT NULL, 
	user_id BIGINT NOT NULL, 
	blocked_by BIGINT NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_blocked_users PRIMARY KEY (guild_id, user_id)
);
CREATE TABLE left_guilds (
	guild_id BIGINT NOT NULL, 
	left_at DATETIME NOT NULL, 
	CONSTRAINT pk_left_guilds PRIMARY KEY (guild_id)
);
CREATE INDEX ix_generations_icon ON generations (icon);
CREATE INDEX ix_generations_seed ON generations (seed) WHERE point IS NOT NULL;
CREATE TABLE favorites (
	id INTEGER NOT NULL, 
	icon VARCHAR(32) NOT NULL, 
	generation_id INTEGER NOT NULL, 
	user_id BIGINT NOT NULL, 
	guild_id BIGINT, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_favorites PRIMARY KEY (id), 
	CONSTRAINT fk_favorites_generation_id_generations FOREIGN KEY(generation_id) REFERENCES generations (id) ON DELETE CASCADE, 
	CONSTRAINT uq_favorites_icon_user_id_guild_id UNIQUE (icon, user_id, guild_id)
);
CREATE INDEX ix_favorites_guild_id_created_at ON favorites (guild_id, created_at);
CREATE INDEX ix_favorites_user_id_created_at ON favorites (user_id, created_at);
INSERT INTO alembic_version VALUES ('0010');
