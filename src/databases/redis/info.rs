//! What a server says of itself: its answer to `INFO`, all of one moment.
//!
//! Source: Redis' documentation, "INFO"; `replication.c`, `networking.c` and `server.c` of Redis 7.0. Valkey answers the same.

use std::collections::HashMap;

use super::connection::{Conn, Problem, word};

/// An answer to `INFO`.
#[derive(Debug)]
pub(super) struct Info(HashMap<String, String>);

impl Info {
    /// Asks. It is answered while data are loaded, too.
    pub(super) async fn read(conn: &mut Conn) -> Result<Info, Problem> {
        let said = word(conn.ask(&["INFO"]).await?)
            .ok_or_else(|| Problem::broken("INFO says nothing", "check that this is Redis or Valkey"))?;
        Ok(Info::parse(&said))
    }

    fn parse(said: &str) -> Info {
        let lines = said.lines().filter(|line| !line.starts_with('#'));
        let pairs = lines.filter_map(|line| line.split_once(':'));
        Info(pairs.map(|(key, value)| (key.to_owned(), value.trim().to_owned())).collect())
    }

    /// What stands behind a key, empty where nothing does.
    pub(super) fn text(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    pub(super) fn number(&self, key: &str) -> i64 {
        self.text(key).parse().unwrap_or(0)
    }

    pub(super) fn is_on(&self, key: &str) -> bool {
        self.text(key) == "1"
    }

    /// Valkey gives the version of Redis that it stands for, too.
    pub(super) fn version(&self) -> String {
        match self.text("valkey_version") {
            "" => format!("Redis {}", self.text("redis_version")),
            valkey => format!("Valkey {valkey}"),
        }
    }

    /// The first number of the version, of Redis.
    pub(super) fn major(&self) -> u32 {
        self.text("redis_version").split('.').next().and_then(|n| n.parse().ok()).unwrap_or(0)
    }

    /// The highest number of a database that has keys.
    pub(super) fn highest_database(&self) -> i64 {
        let numbers = self.0.keys().filter_map(|key| key.strip_prefix("db")?.parse().ok());
        numbers.max().unwrap_or(0)
    }

    /// How replication stands.
    pub(super) fn replication(&self) -> Replication {
        let follows = (self.text("role") == "slave").then(|| Follows {
            place: format!("{}:{}", self.text("master_host"), self.text("master_port")),
            up: self.text("master_link_status") == "up",
            down_for: self.number("master_link_down_since_seconds"),
            syncing: self.is_on("master_sync_in_progress"),
            loading: self.is_on("loading"),
            read_only: self.is_on("slave_read_only"),
            applied: offset(self.number("slave_repl_offset")),
        });
        Replication {
            history: self.text("master_replid").to_owned(),
            end: offset(self.number("master_repl_offset")),
            before: self.text("master_replid2").to_owned(),
            // The first offset that is no more of the history before.
            before_until: offset(self.number("second_repl_offset")),
            follows,
        }
    }
}

fn offset(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// How replication stands at one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Replication {
    /// The history of writes that its data are of. A replica has that of its source.
    pub(super) history: String,
    /// The end of its own log: what it has written, or applied, in bytes of that history.
    pub(super) end: u64,
    /// The history that it had before a failover, or before it stopped to follow.
    pub(super) before: String,
    /// Where that one ended: the first byte that is not of it.
    pub(super) before_until: u64,
    /// Whom it follows, where it is a replica.
    pub(super) follows: Option<Follows>,
}

/// How a replica stands to its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Follows {
    /// Where its source is, as it was told.
    pub(super) place: String,
    /// The stream flows.
    pub(super) up: bool,
    /// For so many seconds it has not, where it does not.
    pub(super) down_for: i64,
    /// A copy of everything is under way.
    pub(super) syncing: bool,
    /// Data are read into memory: what was there is not any more.
    pub(super) loading: bool,
    /// It refuses everybody's writes but those of the stream.
    pub(super) read_only: bool,
    /// How far it has *applied* the stream, which is not how far it has received it (`slave_read_repl_offset`): a transaction
    /// counts with its `EXEC`. While the stream is down it is what it would go on from, and next to nothing after a copy
    /// that came to nothing.
    pub(super) applied: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_by_its_keys() {
        let said = "# Server\r\nredis_version:7.0.15\r\nloading:0\r\n# Replication\r\nrole:slave\r\nmaster_host:a\r\n\
                    master_port:1\r\nmaster_link_status:down\r\nslave_repl_offset:7\r\nslave_read_repl_offset:9\r\n\
                    slave_read_only:1\r\nmaster_replid:x\r\nmaster_repl_offset:7\r\nsecond_repl_offset:-1\r\n\
                    # Keyspace\r\ndb0:keys=1\r\ndb12:keys=2\r\n";
        let info = Info::parse(said);
        assert_eq!((info.version().as_str(), info.major()), ("Redis 7.0.15", 7));
        assert_eq!(info.highest_database(), 12);
        let stands = info.replication();
        let follows = stands.follows.unwrap();
        assert_eq!((follows.applied, follows.up, follows.read_only), (7, false, true));
        assert_eq!((stands.history.as_str(), stands.before_until), ("x", 0));
    }
}
