//! Which transactions a snapshot sees.
//!
//! Where a transaction's end stands in the log says nothing of that: it is seen later than it is written there, by as long as
//! it waits for a disk or a standby. Its number does.
//!
//! Source: "Transaction ID and Snapshot Information Functions" (`pg_current_snapshot`).

use super::connection::Problem;
use crate::databases::trail::Seen;

/// `xmin:xmax:` and those in between that still ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Visible {
    xmin: u32,
    xmax: u32,
    running: Vec<u32>,
}

impl Visible {
    /// # Errors
    /// When it is not as the server writes a snapshot.
    pub(super) fn read(seen: &Seen) -> Result<Visible, Problem> {
        let read = || {
            let mut parts = seen.0.splitn(3, ':');
            let (xmin, xmax) = (number(parts.next()?)?, number(parts.next()?)?);
            let running = parts.next()?.split(',').filter(|xid| !xid.is_empty());
            Some(Visible { xmin, xmax, running: running.map(number).collect::<Option<_>>()? })
        };
        read().ok_or_else(|| {
            let why = format!("its snapshot {:?} cannot be read", seen.0);
            Problem::broken(why, "report it, with the server's version")
        })
    }

    /// Whether a transaction that has ended is seen.
    pub(super) fn has(&self, xid: u32) -> bool {
        before(xid, self.xmin) || before(xid, self.xmax) && !self.running.contains(&xid)
    }
}

/// The lower half of a transaction's number, which is all that the log has of it.
fn number(text: &str) -> Option<u32> {
    u32::try_from(text.parse::<u64>().ok()? & u64::from(u32::MAX)).ok()
}

/// Numbers go round: of two, one is before the other when that is less than half of them ahead.
fn before(one: u32, other: u32) -> bool {
    one != other && other.wrapping_sub(one) < 1 << 31
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visible(snapshot: &str) -> Visible {
        Visible::read(&Seen(snapshot.to_owned())).unwrap()
    }

    #[test]
    fn what_ended_before_is_seen_and_what_ran_or_came_later_is_not() {
        let it = visible("90:100:95,97");
        let seen: Vec<u32> = (88..103).filter(|xid| it.has(*xid)).collect();
        assert_eq!(seen, [88, 89, 90, 91, 92, 93, 94, 96, 98, 99]);
        // A standby's: nothing of it that may still run.
        let standby = visible("90:90:");
        assert_eq!((standby.has(89), standby.has(90), standby.has(91)), (true, false, false));
    }

    #[test]
    fn numbers_go_round() {
        // The fifth time round: 4294967294 is before 2.
        let it = visible("21474836478:21474836484:21474836482");
        let seen: Vec<u32> = [4_294_967_290, 4_294_967_294, 4_294_967_295, 1, 2, 3, 4, 5, 1_000]
            .into_iter()
            .filter(|xid| it.has(*xid))
            .collect();
        assert_eq!(seen, [4_294_967_290, 4_294_967_294, 4_294_967_295, 1, 3]);
    }

    #[test]
    fn what_is_no_snapshot_is_an_error() {
        for text in ["", "1", "1:2", "a:2:", "1:2:x"] {
            assert!(Visible::read(&Seen(text.to_owned())).is_err(), "{text}");
        }
    }
}
