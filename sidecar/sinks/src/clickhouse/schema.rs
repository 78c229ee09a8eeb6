//! The table, as each server can make it.

use std::fmt;

/// A server's version: `18.16`, `26.9`. Later parts do not matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    major: u32,
    minor: u32,
}

impl Version {
    /// Rows that are deleted by themselves.
    pub(super) const TTL: Self = Self { major: 19, minor: 6 };
    /// Whole parts that are deleted without being read.
    const TTL_OF_PARTS: Self = Self { major: 20, minor: 3 };
    /// Inserts that the server gathers before it writes them, unless it is asked not to.
    pub(super) const ASYNCHRONOUS_INSERTS: Self = Self { major: 21, minor: 11 };
    /// A key by which the server knows a repeated batch.
    pub(super) const DEDUPLICATION_TOKEN: Self = Self { major: 22, minor: 2 };

    /// From `26.9.2.1`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('.');
        Some(Self { major: parts.next()?.parse().ok()?, minor: parts.next()?.parse().ok()? })
    }
}

/// A table by its database and name, both of them letters, digits and underscores.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) database: String,
    pub(super) name: String,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`.`{}`", self.database, self.name)
    }
}

/// Every column and its type, in the order of the encoder. Only types that 18.16 has.
pub(super) const COLUMNS: [(&str, &str); 40] = [
    ("date", "Date"),
    ("time", "DateTime('UTC')"),
    ("micros", "Int64"),
    ("id", "String"),
    ("host", "String"),
    ("org", "String"),
    ("workload", "String"),
    ("feed", "String"),
    ("pid", "UInt32"),
    ("ppid", "UInt32"),
    ("name", "String"),
    ("parent", "String"),
    ("grandparent", "String"),
    ("uid", "UInt32"),
    ("exe", "String"),
    ("kind", "String"),
    ("args", "Array(String)"),
    ("object", "String"),
    ("flags", "Array(String)"),
    ("command", "String"),
    ("tty", "Nullable(UInt8)"),
    ("loginuid", "Nullable(UInt32)"),
    ("exe_flags", "Array(String)"),
    ("sockets", "Array(String)"),
    ("anomaly_score", "Nullable(Float64)"),
    ("distance", "Nullable(Float64)"),
    ("smoothed", "Nullable(Float64)"),
    ("threshold", "Float64"),
    ("level", "String"),
    ("novel", "UInt8"),
    ("first", "UInt8"),
    ("seen", "UInt64"),
    ("standing", "String"),
    ("held", "UInt8"),
    ("reason", "String"),
    ("nearest", "String"),
    ("nearest_seen", "UInt64"),
    ("label", "String"),
    ("session", "String"),
    ("phase", "String"),
];

/// `CREATE TABLE IF NOT EXISTS`, with what this server knows.
pub(super) fn create(table: &Table, version: Version, retention_days: u32) -> String {
    let columns: Vec<_> = COLUMNS.iter().map(|(name, kind)| format!("    `{name}` {kind}")).collect();
    let mut statement = format!(
        "CREATE TABLE IF NOT EXISTS {table}\n(\n{}\n)\nENGINE = ReplacingMergeTree()\nPARTITION BY `date`\n\
         ORDER BY (`workload`, `time`, `id`)\n",
        columns.join(",\n")
    );
    let mut settings = vec!["index_granularity = 8192"];
    if version >= Version::TTL && retention_days > 0 {
        statement.push_str(&format!("TTL `time` + INTERVAL {retention_days} DAY\n"));
        if version >= Version::TTL_OF_PARTS {
            settings.push("ttl_only_drop_parts = 1");
        }
    }
    if version >= Version::DEDUPLICATION_TOKEN {
        settings.push("non_replicated_deduplication_window = 1000");
    }
    statement + "SETTINGS " + &settings.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table { database: "default".into(), name: "security_events".into() }
    }

    fn version(text: &str) -> Version {
        Version::parse(text).expect(text)
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(version("18.16.1") < Version::TTL && version("19.6.2.11") == Version::TTL);
        assert!(version("9.1") < version("10.0"));
        assert_eq!(Version::parse("<html>"), None);
        assert_eq!(Version::parse("26"), None);
    }

    #[test]
    fn a_server_is_asked_for_what_it_knows() {
        let old = create(&table(), version("18.16.1"), 30);
        assert!(
            old.ends_with("ORDER BY (`workload`, `time`, `id`)\nSETTINGS index_granularity = 8192"),
            "{old}"
        );
        let new = create(&table(), version("26.9.2.1"), 30);
        assert!(new.contains("\nTTL `time` + INTERVAL 30 DAY\n"), "{new}");
        assert!(
            new.ends_with("ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000"),
            "{new}"
        );
        assert!(!create(&table(), version("26.9"), 0).contains("TTL"), "0 is for ever");
    }

    #[test]
    fn the_example_is_what_a_current_server_is_sent() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/clickhouse/schema.sql");
        let example = std::fs::read_to_string(path).expect("the example");
        let statement: Vec<_> = example.lines().filter(|line| !line.starts_with("--")).collect();
        let sent = create(&table(), version("26.9"), 30) + ";";
        assert_eq!(statement.join("\n").trim(), sent);
    }
}
