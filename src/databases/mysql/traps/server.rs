//! The server as such: its version, and how many may connect.
//!
//! Source: <https://mariadb.org/about/#maintenance-policy>, <https://www.mysql.com/support/eol-notice.html> for the oldest that is
//! still mended; `max_connections`, `Threads_connected`.

use super::{Pair, Side, number};
use crate::databases::{Error, Found};

/// Older ones are mended by nobody any more: MariaDB's, MySQL's.
const OLDEST: [(u16, u16); 2] = [(10, 11), (8, 4)];

pub(super) async fn version(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let (here, there) = tokio::try_join!(pair.from.hello(), pair.to.hello())?;
    let [mariadb, mysql] = OLDEST;
    let oldest = if there.mariadb { mariadb } else { mysql };
    let series = |(major, minor, _): (u16, u16, u16)| (major, minor);
    Ok(judged((pair.from.name(), series(here.version)), (pair.to.name(), series(there.version)), oldest))
}

/// What two series mean for each other.
fn judged(
    (source, from): (&str, (u16, u16)),
    (target, to): (&str, (u16, u16)),
    oldest: (u16, u16),
) -> Vec<Found> {
    let object = format!("server {target}");
    let text = |(major, minor): (u16, u16)| format!("{major}.{minor}");
    if to < from {
        vec![Found::new(
            object,
            format!("is {}, older than {} at {source}: it may not understand its log", text(to), text(from)),
            format!("take a target of {} or later", text(from)),
        )]
    } else if to < oldest {
        vec![Found::new(
            object,
            format!("is {}, which gets no corrections any more", text(to)),
            format!("take a target of {} or later", text(oldest)),
        )]
    } else {
        Vec::new()
    }
}

/// How many may connect to a side, and are connected.
async fn seats(side: Side<'_>) -> Result<(i64, i64), Error> {
    let all = side.settings(&["max_connections"]).await?.remove("max_connections").unwrap_or_default();
    let [_, taken] = side.one::<2>("show global status like 'Threads_connected'").await?;
    Ok((number(&all), number(&taken)))
}

pub(super) async fn connections(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let ((all, taken), (all_there, taken_there)) = tokio::try_join!(seats(pair.from), seats(pair.to))?;
    let (source, target) = pair.names();
    let mut found = Vec::new();
    let object = format!("max_connections at {target}");
    let mend = format!("set global max_connections = {all} there, in its configuration too");
    let free = all_there.saturating_sub(taken_there);
    if all_there < all {
        let harm = format!("is {all_there}, {source} has {all}: clients will be refused");
        found.push(Found::new(object, harm, mend));
    } else if taken > free {
        let harm =
            format!("leaves {free} now, and {taken} are connected at {source}: clients will be refused");
        found.push(Found::new(object, harm, "raise it there, or put a pooler before it"));
    }
    for (at, all, taken) in [(source, all, taken), (target, all_there, taken_there)] {
        // Fewer than one in ten are free.
        if all.saturating_sub(taken).saturating_mul(10) < all {
            found.push(Found::new(
                format!("connections at {at}"),
                format!("are nearly all taken, {taken} of {all}: gauges and steps may be refused"),
                "end sessions that are idle, or raise max_connections",
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
        let [found] = &judged(("dc1", (10, 11)), ("cloud", (10, 6)), (10, 11))[..] else { panic!("one") };
        assert!(found.harm.contains("older than 10.11 at dc1") && found.mend.contains("10.11"), "{found:?}");
        let [found] = &judged(("dc1", (5, 7)), ("cloud", (8, 0)), (8, 4))[..] else { panic!("one") };
        assert!(found.harm.contains("no corrections") && found.mend.contains("8.4"), "{found:?}");
        assert!(judged(("dc1", (10, 4)), ("cloud", (11, 4)), (10, 11)).is_empty());
    }
}
