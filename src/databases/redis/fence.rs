//! The fence of a server: `min-replicas-to-write`, set so high that no number of replicas is enough.
//!
//! From that moment a source refuses every client's write with `NOREPLICAS`, whenever its session was opened: what it had queued in
//! `MULTI`, what a script or a function would write, loading functions, `FLUSHALL`. The stream goes on, and so does what the
//! server does by itself: keys expire, and their going travels. So whoever is fenced is *sealed*: nobody is left who can write, but
//! whoever may change the setting. Our own markers are refused like everything else: behind the fence the position alone proves.
//!
//! What stood before is kept in the two settings themselves, with the time at which the fence was set: nothing has to be written
//! to a key, which would travel to the other side. A restart forgets it like every setting that is not in the file of the
//! server; then it is open, and is seen to be.
//!
//! A replica that is read-only refuses everybody already, by itself, and opens when it stops to follow: sealed, too.
//!
//! Source: `checkGoodReplicasStatus` in `replication.c`, `processCommand` in `server.c`, `scriptVerifyWriteCommandAllow` in
//! `script.c` of Redis 7.0. Before 7.0 what a script writes is let through.

use super::connection::{Conn, Problem, whole, word, words};
use super::info::Info;
use crate::clock::Timestamp;
use crate::databases::{Fence, FenceState};

/// How many replicas have to be there.
const REPLICAS: &str = "min-replicas-to-write";
/// How long ago each may have been heard of, in seconds.
const MAX_LAG: &str = "min-replicas-max-lag";
/// From this number on it is our fence: no server has so many replicas. What stood before is added to it.
const OURS: i64 = 1_000_000_000;
/// Values of before are kept up to these: both settings go up to 2^31 - 1.
const MOST_REPLICAS: i64 = 999;
const MOST_LAG: i64 = 999_999;
/// Scripts are held since this version.
const SINCE: u32 = 7;

/// The two settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Settings {
    replicas: i64,
    max_lag: i64,
}

impl Settings {
    async fn read(conn: &mut Conn) -> Result<Settings, Problem> {
        let mut one = async |name| {
            let pair = words(conn.ask(&["CONFIG", "GET", name]).await.map_err(forbidden)?);
            pair.get(1).and_then(|value| value.parse().ok()).ok_or_else(|| {
                Problem::broken(
                    format!("it has no setting {name}, by which writes are stopped"),
                    "stop them by a step with `command`",
                )
            })
        };
        Ok(Settings { replicas: one(REPLICAS).await?, max_lag: one(MAX_LAG).await? })
    }

    /// Both at once, or neither.
    async fn set(self, conn: &mut Conn) -> Result<(), Problem> {
        let (replicas, max_lag) = (self.replicas.to_string(), self.max_lag.to_string());
        conn.ask(&["CONFIG", "SET", REPLICAS, &replicas, MAX_LAG, &max_lag]).await.map_err(forbidden)?;
        Ok(())
    }

    fn is_fence(self) -> bool {
        self.replicas >= OURS && self.max_lag > 0
    }

    /// A fence that was set at this second.
    ///
    /// # Errors
    /// What stands cannot be kept in it.
    fn fenced(self, second: i64) -> Result<Settings, Problem> {
        let Settings { replicas, max_lag } = self;
        if !(0..=MOST_REPLICAS).contains(&replicas) || !(0..=MOST_LAG).contains(&max_lag) {
            let why = format!("{REPLICAS} {replicas} and {MAX_LAG} {max_lag} are more than can be put back");
            return Err(Problem::broken(why, "set them to what your replicas need"));
        }
        Ok(Settings { replicas: OURS + replicas * (MOST_LAG + 1) + max_lag, max_lag: second.max(1) })
    }

    /// What stood before the fence.
    fn before(self) -> Settings {
        let kept = self.replicas - OURS;
        Settings { replicas: kept / (MOST_LAG + 1), max_lag: kept % (MOST_LAG + 1) }
    }
}

/// Somebody may not see or change settings, or the server has none to change, as those of a cloud.
fn forbidden(why: Problem) -> Problem {
    let words = match why.said() {
        Some((code, words)) => format!("{words} ({code})"),
        None => return why,
    };
    Problem::broken(
        format!("writes cannot be stopped here, since it refuses CONFIG: {words}"),
        "allow our account `+config|get` and `+config|set`, or stop writes by a step with `command`",
    )
}

/// The fence as it stands.
///
/// # Errors
/// It could not be one: the server lets scripts through, or does not show its settings.
pub(super) async fn state(conn: &mut Conn) -> Result<FenceState, Problem> {
    let info = Info::read(conn).await?;
    if info.major() < SINCE {
        return Err(Problem::broken(
            format!("{} lets scripts write behind a fence", info.version()),
            "stop writes by a step with `command`, or upgrade to Redis 7.0 first",
        ));
    }
    if let Some(follows) = info.replication().follows {
        let fence = if follows.read_only { Fence::Sealed } else { Fence::Open };
        return Ok(FenceState { fence, since: None, at: None });
    }
    let settings = Settings::read(conn).await?;
    if !settings.is_fence() {
        return Ok(FenceState { fence: Fence::Open, since: None, at: None });
    }
    let since = Some(Timestamp(settings.max_lag.saturating_mul(1_000)));
    Ok(FenceState { fence: Fence::Sealed, since, at: None })
}

/// Sets it.
///
/// # Errors
/// It is a replica that takes writes: what a source refuses it does not.
pub(super) async fn set(conn: &mut Conn) -> Result<FenceState, Problem> {
    let before = state(conn).await?;
    if before.fence != Fence::Open {
        return Ok(before);
    }
    if Info::read(conn).await?.replication().follows.is_some() {
        return Err(Problem::broken(
            "it is a replica that takes writes, which no fence holds",
            "CONFIG SET replica-read-only yes",
        ));
    }
    let second = now(conn).await?.0 / 1_000;
    Settings::read(conn).await?.fenced(second)?.set(conn).await?;
    state(conn).await
}

/// Lifts it: what stood before stands again.
///
/// # Errors
/// It is a replica: it takes writes when it follows nobody any more, which is the plan's to command.
pub(super) async fn lift(conn: &mut Conn) -> Result<FenceState, Problem> {
    if let Some(follows) = Info::read(conn).await?.replication().follows.filter(|f| f.read_only) {
        return Err(Problem::broken(
            format!("it takes no writes while it follows {}", follows.place),
            "run `REPLICAOF NO ONE` by a step with `command` before the step that opens it",
        ));
    }
    let settings = Settings::read(conn).await?;
    if settings.is_fence() {
        settings.before().set(conn).await?;
    }
    state(conn).await
}

/// The server's own time.
pub(super) async fn now(conn: &mut Conn) -> Result<Timestamp, Problem> {
    let redis::Value::Array(both) = conn.ask(&["TIME"]).await? else { return Err(timeless()) };
    let mut parts = both.into_iter().map(|part| word(part).and_then(|text| text.parse::<i64>().ok()));
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(seconds), Some(micros)) => Ok(Timestamp(seconds * 1_000 + micros / 1_000)),
        _ => Err(timeless()),
    }
}

fn timeless() -> Problem {
    Problem::broken("it says no time", "check what it is")
}

/// A marker, a key of ours that holds the time and travels like any other..
///
/// # Errors
/// Behind a fence it is refused like everybody's writes (`NOREPLICAS`).
pub(super) async fn mark(conn: &mut Conn, id: &str) -> Result<Timestamp, Problem> {
    let made = now(conn).await?;
    conn.ask(&["SET", &key(id), &made.0.to_string()]).await?;
    Ok(made)
}

/// The time that a marker carries here.
pub(super) async fn marked(conn: &mut Conn, id: &str) -> Result<Option<Timestamp>, Problem> {
    Ok(whole(&conn.ask(&["GET", &key(id)]).await?).map(Timestamp))
}

fn key(id: &str) -> String {
    format!("cutover:marker:{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_keeps_what_stood_before() {
        for (replicas, max_lag) in [(0, 10), (0, 0), (2, 10), (999, 999_999)] {
            let before = Settings { replicas, max_lag };
            assert!(!before.is_fence());
            let fence = before.fenced(1_790_000_000).unwrap();
            assert!(fence.is_fence() && fence.replicas < i64::from(i32::MAX), "{fence:?}");
            assert_eq!((fence.before(), fence.max_lag), (before, 1_790_000_000));
        }
        assert!(Settings { replicas: 1_000, max_lag: 10 }.fenced(1).is_err());
        assert!(Settings { replicas: 0, max_lag: 1_000_000 }.fenced(1).is_err());
    }
}
