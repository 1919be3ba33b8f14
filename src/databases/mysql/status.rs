//! What a replica says of the streams that it is fed by.
//!
//! Owns the names of the columns, which changed with the versions: they are read by name, never by place. Refuses to ask
//! anything: recorded rows are read like those of a server.
//!
//! Source: MariaDB's `SHOW ALL SLAVES STATUS`, MySQL's `SHOW SLAVE STATUS` (5.7) and `SHOW REPLICA STATUS` (8.0.22 and later).

use super::connection::Problem;
use super::filters::Filters;
use super::session::{Named, Session};
use crate::databases::Position;

/// One stream of replication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    /// The name of the connection or channel; empty for the one without.
    pub(super) name: String,
    /// Why nothing flows, in a sentence.
    pub(super) stopped: Option<String>,
    /// How old what is applied now is, by the replica's own reckoning, in milliseconds.
    pub(super) late_ms: Option<u64>,
    /// The file and offset of the source's log up to which it is applied.
    pub(super) applied: Option<Position>,
    /// It goes by that, and not by GTIDs, although it has them (MariaDB).
    pub(super) by_place: bool,
    /// The number and the address of the server that it was last connected to.
    pub(super) fed_by: Option<(u32, String)>,
    /// What it leaves out.
    pub(super) filters: Filters,
    /// How many events it is to skip.
    pub(super) skips: u64,
}

/// What MariaDB is asked for every stream.
pub(super) const ALL_OF_MARIADB: &str = "show all slaves status";

/// What a server is asked for every stream, by which it is and its version.
pub(super) fn asked(session: &Session) -> &'static str {
    if session.hello.mariadb {
        ALL_OF_MARIADB
    } else if session.hello.says_replica() {
        "show replica status"
    } else {
        "show slave status"
    }
}

/// Every stream of this server.
pub(super) async fn read(session: &mut Session) -> Result<Vec<Stream>, Problem> {
    let sql = asked(session);
    Ok(session.rows(sql).await?.iter().map(Stream::of).collect())
}

impl Stream {
    /// Reads one row.
    pub(super) fn of(row: &Named) -> Stream {
        let file = row.any(&["relay_source_log_file", "relay_master_log_file"]).unwrap_or_default();
        let at = row.any(&["exec_source_log_pos", "exec_master_log_pos"]);
        let feeder = row.any(&["source_server_id", "master_server_id"]).and_then(|id| id.parse().ok());
        let host = row.any(&["source_host", "master_host"]).unwrap_or_default();
        let port = row.any(&["source_port", "master_port"]).unwrap_or_default();
        let late = row.any(&["seconds_behind_source", "seconds_behind_master"]);
        Stream {
            name: row.any(&["connection_name", "channel_name"]).unwrap_or_default().to_owned(),
            stopped: stopped(row),
            late_ms: late.and_then(|s| s.parse::<u64>().ok()).map(|s| s.saturating_mul(1_000)),
            applied: at.filter(|_| !file.is_empty()).map(|at| Position(format!("{file}:{at}"))),
            by_place: row.get("using_gtid") == Some("No"),
            // Zero until it has been connected.
            fed_by: feeder.filter(|&id| id != 0).map(|id| (id, format!("{host}:{port}"))),
            filters: Filters::of(row, "replicate_"),
            skips: row.number("skip_counter"),
        }
    }
}

/// What the one thread or the other says. The error's number comes first: its words are long.
fn stopped(row: &Named) -> Option<String> {
    let io = row.any(&["replica_io_running", "slave_io_running"]).unwrap_or("No");
    let sql = row.any(&["replica_sql_running", "slave_sql_running"]).unwrap_or("No");
    let said = |number: &str, text: &str| {
        let number = row.get(number).filter(|n| *n != "0")?;
        Some(format!("error {number}: {}", short(row.get(text).unwrap_or_default().trim())))
    };
    // What cannot be applied is why nothing gets better, whatever is fetched meanwhile.
    if sql != "Yes" {
        return Some(match said("last_sql_errno", "last_sql_error") {
            Some(why) => format!("the SQL thread, which applies, stopped at {why}"),
            None => "the SQL thread, which applies, is stopped: start it at the target".to_owned(),
        });
    }
    let why = said("last_io_errno", "last_io_error");
    match (io, why) {
        ("Yes" | "Preparing", _) => None,
        // Without an error it is on its way; with one it tries again and again.
        ("Connecting", why) => why.map(|why| format!("the IO thread cannot connect, {why}")),
        (_, Some(why)) => Some(format!("the IO thread, which fetches, stopped at {why}")),
        (_, None) => Some("the IO thread, which fetches, is stopped: start it at the target".to_owned()),
    }
}

/// Without what stands before the cause and says less: how often it tries again, and the number once more.
fn short(said: &str) -> String {
    if let Some((_, why)) = said.split_once("when reading data from binary log: ") {
        return why.trim_matches('\'').to_owned();
    }
    let parts = said
        .split_once(" - retry-time:")
        .and_then(|(who, rest)| Some((who, rest.split_once("message: ")?.1)));
    parts.map_or_else(|| said.to_owned(), |(who, why)| format!("{who}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row as `\G` shows it.
    fn row(text: &str) -> Named {
        let pair = |line: &str| {
            let (name, value) = line.trim().split_once(':')?;
            let value = Some(value.trim().to_owned()).filter(|value| value != "NULL");
            Some((name.to_lowercase(), value))
        };
        Named(text.lines().filter_map(pair).collect())
    }

    const MYSQL_57: &str = "Slave_IO_State: Waiting for master to send event
        Master_Host: db1
        Master_Log_File: mysql-bin.000009
        Read_Master_Log_Pos: 1307
        Relay_Log_File: relay-bin.000003
        Relay_Master_Log_File: mysql-bin.000008
        Slave_IO_Running: Yes
        Slave_SQL_Running: Yes
        Replicate_Do_DB:
        Replicate_Ignore_DB: scratch
        Replicate_Wild_Ignore_Table: shop.tmp%
        Last_Errno: 0
        Skip_Counter: 0
        Exec_Master_Log_Pos: 1190
        Seconds_Behind_Master: 3
        Last_IO_Errno: 0
        Last_SQL_Errno: 0
        Executed_Gtid_Set:
        Channel_Name:";

    const MYSQL_84: &str = "Replica_IO_State:
        Source_Host: db1
        Source_Log_File: binlog.000002
        Read_Source_Log_Pos: 157
        Relay_Source_Log_File: binlog.000002
        Replica_IO_Running: Yes
        Replica_SQL_Running: No
        Replicate_Do_DB:
        Last_Errno: 1062
        Skip_Counter: 1
        Exec_Source_Log_Pos: 157
        Seconds_Behind_Source: NULL
        Last_IO_Errno: 0
        Last_SQL_Errno: 1062
        Last_SQL_Error: Could not execute Write_rows event on table shop.orders; Duplicate entry '1' for key 'orders.PRIMARY'
        Channel_Name: east";

    const MARIADB: &str = "Connection_name: east
        Slave_SQL_State: Slave has read all relay log; waiting for more updates
        Slave_IO_State: Connecting to master
        Master_Log_File: m.000001
        Read_Master_Log_Pos: 4
        Relay_Master_Log_File: m.000001
        Slave_IO_Running: Connecting
        Slave_SQL_Running: Yes
        Skip_Counter: 0
        Exec_Master_Log_Pos: 4
        Seconds_Behind_Master: NULL
        Last_IO_Errno: 2003
        Last_IO_Error: error connecting to master 'repl@db1:3306' - retry-time: 60
        Last_SQL_Errno: 0
        Master_Host: db1
        Master_Port: 3306
        Master_Server_Id: 7
        Using_Gtid: Slave_Pos
        Gtid_IO_Pos: 0-1-7
        Replicate_Ignore_Table: shop.log";

    #[test]
    fn both_generations_of_names_are_read() {
        let old = Stream::of(&row(MYSQL_57));
        assert_eq!((old.stopped, old.late_ms), (None, Some(3_000)));
        assert_eq!(
            old.applied,
            Some(Position("mysql-bin.000008:1190".into())),
            "what is applied, not what is fetched"
        );
        assert!(old.filters.leaves_out("scratch", "t").is_some());
        assert!(old.filters.leaves_out("shop", "tmp_1").is_some());
        assert_eq!(old.filters.leaves_out("shop", "orders"), None);

        let new = Stream::of(&row(MYSQL_84));
        assert_eq!((new.name.as_str(), new.late_ms, new.skips), ("east", None, 1));
        let why = new.stopped.unwrap();
        assert!(
            why.starts_with("the SQL thread") && why.contains("Duplicate entry") && why.contains("1062"),
            "{why}"
        );
    }

    #[test]
    fn a_replica_that_cannot_connect_says_so() {
        let stream = Stream::of(&row(MARIADB));
        assert_eq!((stream.name.as_str(), stream.by_place), ("east", false));
        assert_eq!(stream.fed_by, Some((7, "db1:3306".to_owned())));
        assert_eq!(
            stream.stopped.unwrap(),
            "the IO thread cannot connect, error 2003: error connecting to master 'repl@db1:3306' - retry-time: 60"
        );
        let first = row(&MARIADB.replace("Last_IO_Errno: 2003", "Last_IO_Errno: 0"));
        assert_eq!(Stream::of(&first).stopped, None, "it is about to");
        let stopped = row(&MARIADB.replace("Running: Connecting", "Running: No"));
        assert!(Stream::of(&stopped).stopped.unwrap().contains("stopped at error 2003: error connecting"));
    }

    #[test]
    fn the_cause_is_not_behind_what_says_less() {
        let said = "error connecting to master 'repl@db1:3306' - retry-time: 1  maximum-retries: 9  message: Access denied";
        assert_eq!(short(said), "error connecting to master 'repl@db1:3306': Access denied");
        let said = "Got fatal error 1236 from master when reading data from binary log: 'Could not find it'";
        assert_eq!(short(said), "Could not find it");
        assert_eq!(short("Fatal error: x"), "Fatal error: x");
    }

    #[test]
    fn a_row_that_says_nothing_is_not_taken_for_running() {
        assert!(Stream::of(&Named::default()).stopped.is_some());
    }
}
