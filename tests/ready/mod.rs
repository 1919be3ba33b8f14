//! Readiness: which of a link's traps are found, each by its own probe.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cutover::engine::reading::Facts;
use cutover::plan::model::{DatabaseKind, Link, LinkKind, ProbeKind, ReadyProbe, Trap};
use cutover::probes::measure;

use crate::asked::{World, link, probe};

/// A link between two servers, as a plan has it.
pub(crate) struct Ready {
    world: World,
    pub(crate) link: Link,
    /// A step of the plan carries the sequences over.
    pub(crate) carried: bool,
    /// The link that leads back, where there is one.
    pub(crate) back: Option<String>,
}

impl Ready {
    pub(crate) fn new(database: DatabaseKind, kind: LinkKind, name: Option<&str>, ends: [&str; 2]) -> Ready {
        let link = Link { marker: false, ..link(kind, name) };
        Ready { world: World::between(database, ends, Vec::new()), link, carried: true, back: None }
    }

    /// What the probe of a trap says in one line, and whether it is well.
    pub(crate) async fn ask(&self, trap: Trap) -> (bool, String) {
        let (link, carried, back) = (self.link.clone(), self.carried, self.back.clone());
        let kind = ProbeKind::Ready(ReadyProbe { trap, link, carried, back });
        let looked = measure(&self.world.context, &probe(kind, Duration::from_secs(10)), None).await;
        let measure = looked.result.unwrap_or_else(|why| panic!("{trap:?} is unmeasured: {why}"));
        assert_eq!(measure.pass, measure.facts == Facts::Plain, "{measure:?}");
        (measure.pass, measure.text)
    }

    /// Every probe that is not well, with what it says.
    pub(crate) async fn bad(&self) -> BTreeMap<Trap, String> {
        let mut bad = BTreeMap::new();
        for &trap in self.link.kind.traps() {
            let (pass, text) = self.ask(trap).await;
            if !pass {
                bad.insert(trap, text);
            }
        }
        bad
    }

    /// Waits until nothing is found; `log` says what the target says of itself, should that not come.
    pub(crate) async fn is_clean(&self, log: impl Fn() -> String) {
        let began = Instant::now();
        loop {
            let bad = self.bad().await;
            if bad.is_empty() {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{bad:#?}\n{}", log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Exactly this probe fails, and says these words.
    pub(crate) async fn fails(&self, trap: Trap, words: &[&str]) {
        let bad = self.bad().await;
        assert_eq!(bad.keys().collect::<Vec<_>>(), [&trap], "{words:?}: {bad:#?}");
        for word in words {
            assert!(bad[&trap].contains(word), "{word} in {}", bad[&trap]);
        }
    }
}
