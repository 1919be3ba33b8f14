//! Two sides that are compared again and again, each time from what was proved before.

use std::ops::ControlFlow;
use std::sync::Mutex;
use std::time::Duration;

use cutover::clock::Timestamp;
use cutover::compare::tables::{Book, DifferenceKind, Ledger, Load, Outcome, Request, Sides, compare_with};
use cutover::databases::trail::Trail;
use cutover::databases::{Database, Snapshot};

/// What the trails are called.
pub(crate) const NAME: &str = "L-1-night/rows";

/// What is written after a look has begun, and before its trail is read, is told to it and told again to the next: it was not
/// seen. `write` writes to `table`.
pub(crate) async fn what_a_look_has_not_seen_is_told_again(
    side: &dyn Database,
    table: &str,
    write: impl FnOnce(),
) {
    let mut trail = side.trail(NAME, None).await.unwrap();
    let mut first = side.snapshot().await.unwrap();
    first.stamp().await.unwrap();
    write();
    assert!(tells(&mut trail, &mut first, table).await, "it is told");
    let mut second = side.snapshot().await.unwrap();
    second.stamp().await.unwrap();
    assert!(tells(&mut trail, &mut second, table).await, "it was not seen, and is told again");
    let mut third = side.snapshot().await.unwrap();
    third.stamp().await.unwrap();
    assert!(!tells(&mut trail, &mut third, table).await, "it was seen");
}

/// Whether a trail tells a look that a table was written to; it is moved on.
async fn tells(trail: &mut Box<dyn Trail>, look: &mut Box<dyn Snapshot>, table: &str) -> bool {
    let seen = look.seen().await.unwrap();
    let stretch = trail.read(&seen).await.unwrap();
    trail.confirm(&stretch.until).await.unwrap();
    stretch.tables.contains_key(table)
}

/// While a write of one more row stands in the log and in no snapshot, it is told; and once more when it is seen. `let_go` ends
/// that, and comes back when others see the row.
pub(crate) fn what_is_held_is_told_until_it_is_seen(
    side: &dyn Database,
    table: &str,
    (before, after): (u64, u64),
    (hold, let_go): (impl FnOnce(), impl FnOnce()),
) {
    let runtime = tokio::runtime::Handle::current();
    let told = |trail: &mut Box<dyn Trail>| {
        runtime.block_on(async {
            let mut look = side.snapshot().await.unwrap();
            let told = tells(trail, &mut look, table).await;
            (look.count(table).await.unwrap(), told)
        })
    };
    let mut trail = runtime.block_on(side.trail(NAME, None)).unwrap();
    hold();
    let unseen = [told(&mut trail), told(&mut trail)];
    // Before anything is held against it: whoever writes waits for this.
    let_go();
    let seen = [told(&mut trail), told(&mut trail)];
    assert_eq!((unseen, seen), ([(before, true); 2], [(after, true), (after, false)]));
}

/// Two sides, and what is proved of them.
pub(crate) struct Before {
    pub(crate) sides: Sides,
    pub(crate) ledger: Ledger,
}

impl Before {
    pub(crate) fn new(sides: Sides) -> Before {
        Before { sides, ledger: Ledger::default() }
    }

    /// A comparison that goes on from the ledger; and how many rows it read whole.
    pub(crate) async fn compare(&mut self) -> (Outcome, u64) {
        let kept = Mutex::new(self.ledger.clone());
        let keep = |ledger: &Ledger| {
            *kept.lock().unwrap() = ledger.clone();
            Ok(())
        };
        let now = || Timestamp(1);
        let mut book = Book { name: NAME, ledger: self.ledger.clone(), keep: &keep, now: &now };
        let request = Request { patience: Duration::from_secs(5), ..Request::default() };
        let load = Load::default().by(2_000);
        let outcome =
            compare_with(
                &self.sides,
                &request,
                &load,
                Some(&mut book),
                &mut |_, _| ControlFlow::Continue(()),
            )
            .await;
        drop(book);
        self.ledger = kept.into_inner().unwrap();
        let rows = outcome.rows_read;
        (outcome, rows)
    }
}

/// Every row that differs: its table, its key, and how.
pub(crate) fn told(outcome: &Outcome) -> Vec<String> {
    let mut all = Vec::new();
    for table in &outcome.tables {
        for difference in &table.differences {
            let key: Vec<String> =
                difference.key.iter().map(|(_, value)| value.plain().unwrap().into_owned()).collect();
            let kind = match &difference.kind {
                DifferenceKind::Missing => "missing".to_owned(),
                DifferenceKind::Extra => "extra".to_owned(),
                DifferenceKind::Changed { columns } => format!("changed {}", columns.join(" ")),
            };
            all.push(format!("{} {} {kind}", table.name, key.join(" | ")));
        }
    }
    all.sort();
    all
}

/// How many rows of a table were looked at again; `None` where it was read whole now.
pub(crate) fn again(outcome: &Outcome, table: &str) -> Option<u64> {
    outcome.tables.iter().find(|t| t.name == table).unwrap().again.map(|again| again.rows)
}
