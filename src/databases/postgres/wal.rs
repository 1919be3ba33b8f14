//! Places in the write-ahead log.

use tokio_postgres::Client;

use super::asking::Asking as _;
use super::connection::Problem;
use crate::databases::Position;

/// A page of the log begins with a header of 24 bytes, a segment's first page with one of 40 (`XLogPageHeaderData`,
/// `XLogLongPageHeaderData` in PostgreSQL's `xlog_internal.h`).
const PAGE: u64 = 8192;
const HEADERS: [u64; 2] = [24, 40];
/// The smallest segment that a server can be made with; larger ones begin at a multiple of it.
const SEGMENT: u64 = 1 << 20;

/// A place in the log, in bytes from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lsn(u64);

impl Lsn {
    /// `16/B374D848`; `None` when it is not one.
    pub(super) fn read(text: &str) -> Option<Lsn> {
        let (high, low) = text.split_once('/')?;
        let part = |text: &str| u32::from_str_radix(text, 16).ok().map(u64::from);
        Some(Lsn(part(high)? << 32 | part(low)?))
    }

    /// That of a position, which has to be one of PostgreSQL's.
    pub(super) fn of(position: &Position) -> Result<Lsn, Problem> {
        Lsn::read(&position.0).ok_or_else(|| {
            Problem::broken(
                format!("{position} is no position of a PostgreSQL log"),
                "compare positions of one kind of database only",
            )
        })
    }

    /// As everybody else has it.
    pub(super) fn position(self) -> Position {
        Position(format!("{:X}/{:X}", self.0 >> 32, self.0 & 0xffff_ffff))
    }

    /// How many bytes `other` is behind this.
    pub(super) fn ahead_of(self, other: Lsn) -> u64 {
        self.0.saturating_sub(other.0)
    }

    /// Whether this is no place of a log that ends there. The end is told without the header that a new page begins with.
    pub(super) fn is_past(self, end: Lsn) -> bool {
        HEADERS.iter().all(|&header| self.ahead_of(end) > header)
    }

    /// Where the record before this place ended. The place of the next record lies behind the header of a page that has
    /// just begun; the end of the last one, which is what is replayed and confirmed, lies before it.
    fn without_header(self) -> Lsn {
        let [short, long] = HEADERS;
        // Elsewhere so many bytes into a page are its header and the end of a record that begins on the page before.
        let begins = self.0 % PAGE == short || self.0 % SEGMENT == long;
        if begins { Lsn(self.0 - self.0 % PAGE) } else { self }
    }
}

/// The end of the log that everything acknowledged lies before.
///
/// The insert position: what is acknowledged without waiting for the disk (`synchronous_commit = off`) lies behind the
/// others. On a standby, what it has replayed.
pub(super) async fn end(client: &Client) -> Result<Lsn, Problem> {
    let sql = "select coalesce(case when pg_is_in_recovery() then pg_last_wal_replay_lsn()
                                    else pg_current_wal_insert_lsn() end, '0/0')::text";
    let text: String = client.row(sql, &[]).await?.try_get(0)?;
    Ok(lsn(&text)?.without_header())
}

/// What is applied of the log that this database is fed from: by replay on a standby, else by the newest of its
/// subscriptions.
pub(super) async fn applied(client: &Client) -> Result<Position, Problem> {
    let sql = "select case when pg_is_in_recovery() then pg_last_wal_replay_lsn()
                      else (select max(latest_end_lsn) from pg_stat_subscription) end::text";
    let text: Option<String> = client.row(sql, &[]).await?.try_get(0)?;
    let text = text.ok_or_else(|| {
        Problem::broken("it is fed from nowhere: no standby, no subscription", "ask the other side")
    })?;
    Ok(Position(text))
}

/// A place that the server wrote.
pub(super) fn lsn(text: &str) -> Result<Lsn, Problem> {
    Lsn::of(&Position(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_and_written_as_the_server_does() {
        for text in ["0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF"] {
            assert_eq!(Lsn::read(text).unwrap().position().0, text);
        }
        for wrong in ["", "16", "x/1", "1/", "1/100000000", "c:5"] {
            assert_eq!(Lsn::read(wrong), None, "{wrong}");
        }
        assert_eq!(Lsn::read("1/0").unwrap().ahead_of(Lsn::read("0/FFFFFFFE").unwrap()), 2);
        assert_eq!(Lsn::read("0/1").unwrap().ahead_of(Lsn::read("0/2").unwrap()), 0);
    }

    #[test]
    fn the_header_of_a_page_that_has_just_begun_is_no_change() {
        for (end, before) in [
            ("0/2018", "0/2000"),
            ("0/1000028", "0/1000000"),
            ("0/2020", "0/2020"),
            ("0/69C3C028", "0/69C3C028"),
        ] {
            assert_eq!(Lsn::read(end).unwrap().without_header().position().0, before);
        }
        let (end, place) = (Lsn::read("0/2000").unwrap(), |text| Lsn::read(text).unwrap());
        assert!(
            !place("0/1000").is_past(end) && !place("0/2028").is_past(end) && place("0/2029").is_past(end)
        );
    }
}
