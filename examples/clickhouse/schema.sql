-- The table of the sink `clickhouse`, as it makes it on a current server where it is missing (30 days, the default of
-- `retention_days`). Make it yourself to give the sink's user no right but INSERT, or to change engine or retention:
-- rows are matched to columns by name, and what has no column is left out.
--
-- Before 19.6 there is no TTL, and the sink drops days that are over.
CREATE TABLE IF NOT EXISTS `default`.`security_events`
(
    `date` Date,
    `time` DateTime('UTC'),
    `micros` Int64,
    `id` String,
    `host` String,
    `org` String,
    `workload` String,
    `feed` String,
    `pid` UInt32,
    `ppid` UInt32,
    `name` String,
    `parent` String,
    `grandparent` String,
    `uid` UInt32,
    `exe` String,
    `kind` String,
    `args` Array(String),
    `object` String,
    `flags` Array(String),
    `command` String,
    `tty` Nullable(UInt8),
    `loginuid` Nullable(UInt32),
    `exe_flags` Array(String),
    `sockets` Array(String),
    `anomaly_score` Nullable(Float64),
    `distance` Nullable(Float64),
    `smoothed` Nullable(Float64),
    `threshold` Float64,
    `level` String,
    `novel` UInt8,
    `first` UInt8,
    `seen` UInt64,
    `standing` String,
    `held` UInt8,
    `reason` String,
    `nearest` String,
    `nearest_seen` UInt64,
    `label` String,
    `session` String,
    `phase` String
)
ENGINE = ReplacingMergeTree()
PARTITION BY `date`
ORDER BY (`workload`, `time`, `id`)
TTL `time` + INTERVAL 30 DAY
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000;
