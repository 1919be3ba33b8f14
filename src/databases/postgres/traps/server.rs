//! The server as such: its version, its encoding, how many may connect.
//!
//! Source: PostgreSQL's documentation, "Server Configuration", "Connections and Authentication"; `pg_stat_database`;
//! <https://www.postgresql.org/support/versioning/> for the oldest version that is still mended.

use super::{Pair, Side, by_name, in_sql, number};
use crate::databases::{Error, Found};

/// Older ones are mended by nobody any more.
const OLDEST: i64 = 14;

pub(super) async fn version(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let sql = "select current_setting('server_version_num')";
    let ([here], [there]) = tokio::try_join!(pair.from.one(sql, &[]), pair.to.one(sql, &[]))?;
    Ok(judged((pair.from.name(), number(&here) / 10_000), (pair.to.name(), number(&there) / 10_000)))
}

/// What two major versions mean for each other.
fn judged((source, from): (&str, i64), (target, to): (&str, i64)) -> Vec<Found> {
    let object = format!("server {target}");
    if to < from {
        vec![Found::new(
            object,
            format!("is version {to}, older than {from} at {source}: what applications use may not be there"),
            format!("take a target of version {from} or later"),
        )]
    } else if to < OLDEST {
        vec![Found::new(
            object,
            format!("is version {to}, which gets no corrections any more"),
            format!("take a target of version {OLDEST} or later"),
        )]
    } else {
        Vec::new()
    }
}

pub(super) async fn encoding(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let sql = "select datname::text, pg_encoding_to_char(encoding)::text from pg_database
               where datname = current_database()";
    let ([_, here], [database, there]) = tokio::try_join!(pair.from.one(sql, &[]), pair.to.one(sql, &[]))?;
    if here == there {
        return Ok(Vec::new());
    }
    let (source, target) = (pair.from.name(), pair.to.name());
    Ok(vec![Found::new(
        format!("database {database}"),
        format!("is {here} at {source} and {there} at {target}: text may not arrive as it was"),
        format!("make it anew there: create database … encoding '{here}' template template0"),
    )])
}

/// How many may connect to a side.
struct Seats {
    all: i64,
    taken: i64,
    /// Of this database alone; negative where there is no such limit.
    limit: i64,
}

async fn seats(side: Side<'_>) -> Result<Seats, Error> {
    let sql = "select (current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
                 - coalesce(current_setting('reserved_connections', true)::int, 0))::text,
                 (select coalesce(sum(numbackends), 0)::text from pg_stat_database where datid <> 0),
                 datconnlimit::text
               from pg_database where datname = current_database()";
    let [all, taken, limit] = side.one(sql, &[]).await?;
    Ok(Seats { all: number(&all), taken: number(&taken), limit: number(&limit) })
}

/// Fewer than one in ten are free.
fn is_crowded(seats: &Seats) -> bool {
    seats.all.saturating_sub(seats.taken).saturating_mul(10) < seats.all
}

pub(super) async fn connections(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let (here, there) = tokio::try_join!(seats(pair.from), seats(pair.to))?;
    let (source, target) = (pair.from.name(), pair.to.name());
    let mut found = Vec::new();
    let object = format!("max_connections at {target}");
    let raise = "raise it there and restart, or put a pooler before it".to_owned();
    // A standby with fewer is a trap of its own: it stops replaying.
    if there.all < here.all && !pair.is_standby() {
        let harm = format!(
            "leaves {} to applications, {source} has {}: clients will be refused",
            there.all, here.all
        );
        found.push(Found::new(object, harm, raise));
    } else if here.taken > there.all.saturating_sub(there.taken) {
        let free = there.all.saturating_sub(there.taken).max(0);
        let harm = format!(
            "leaves {free} now, and {} are connected at {source}: clients will be refused",
            here.taken
        );
        found.push(Found::new(object, harm, raise));
    }
    for (side, seats) in [(source, &here), (target, &there)] {
        if is_crowded(seats) {
            found.push(Found::new(
                format!("connections at {side}"),
                format!(
                    "are nearly all taken, {} of {}: gauges and steps may be refused",
                    seats.taken, seats.all
                ),
                "end sessions that are idle, or raise max_connections",
            ));
        }
    }
    if there.limit >= 0 && (here.limit < 0 || there.limit < here.limit) {
        found.push(Found::new(
            format!("connection limit of the database at {target}"),
            format!("is {}, lower than at {source}: clients will be refused", there.limit),
            format!("alter database … connection limit {} there", here.limit),
        ));
    }
    let limits = "select rolname::text, rolconnlimit::text from pg_roles where rolcanlogin and not rolsuper order by 1";
    let (limits, limits_there) = pair.both::<2>(limits, &[]).await?;
    let limits_there = by_name(limits_there);
    for [role, own] in limits {
        let Some([_, theirs]) = limits_there.get(&role) else { continue };
        if number(theirs) >= 0 && (number(&own) < 0 || number(theirs) < number(&own)) {
            found.push(Found::new(
                format!("connection limit of role {role} at {target}"),
                format!("is {theirs}, lower than at {source}: its sessions will be refused"),
                format!("alter role {} connection limit {own} there", in_sql(&role)),
            ));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_back_and_an_old_version_are_told_and_the_rest_is_well() {
        let [found] = &judged(("dc1", 16), ("cloud", 15))[..] else { panic!("one") };
        assert_eq!(found.object, "server cloud");
        assert!(
            found.harm.contains("older than 16 at dc1") && found.mend.contains("version 16"),
            "{found:?}"
        );
        let [found] = &judged(("dc1", 13), ("cloud", 13))[..] else { panic!("one") };
        assert!(found.harm.contains("no corrections") && found.mend.contains("14"), "{found:?}");
        assert!(
            judged(("dc1", 13), ("cloud", 17)).is_empty() && judged(("dc1", 15), ("cloud", 15)).is_empty()
        );
    }
}
