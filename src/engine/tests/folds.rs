//! Fold laws: the journal is the state. Whatever was recorded, read back and folded gives what was live.

use super::driver::{Driver, at_switch_gate, good_seconds};
use crate::engine::event::{Event, Outcome};
use crate::engine::state::State;

fn refolded(d: &Driver, records: usize) -> State {
    let mut state = State::new(&d.plan);
    for (at, events) in d.records.iter().take(records) {
        for event in events {
            let line = serde_json::to_string(event).unwrap();
            let back: Event = serde_json::from_str(&line).unwrap();
            assert_eq!(&back, event, "{line}");
            state.apply(&d.plan, *at, &back);
        }
    }
    state
}

#[test]
fn the_record_read_back_gives_the_live_state() {
    let mut d = at_switch_gate();
    good_seconds(&mut d, 3);
    d.go("go").unwrap();
    d.end("switch", Outcome::Done).unwrap();
    assert_eq!(format!("{:?}", sorted(refolded(&d, usize::MAX))), format!("{:?}", sorted(d.state.clone())));
}

#[test]
fn every_prefix_folds_to_what_it_was_then() {
    let mut d = at_switch_gate();
    good_seconds(&mut d, 2);
    let before = format!("{:?}", sorted(d.state.clone()));
    let count = d.records.len();
    d.go("go").unwrap();
    assert!(d.records.len() > count);
    assert_eq!(format!("{:?}", sorted(refolded(&d, count))), before);
}

/// Hash maps print in any order: everything that a fold decides, in an order of its own.
fn sorted(state: State) -> impl std::fmt::Debug {
    let mut gates: Vec<_> = state.gates.into_iter().collect();
    gates.sort_by(|a, b| a.0.cmp(&b.0));
    let mut verdicts: Vec<_> = state.verdicts.into_iter().collect();
    verdicts.sort_by(|a, b| a.0.cmp(&b.0));
    (
        (state.seq, state.stage, state.hold, state.t0, state.steps, state.running, state.watched),
        (state.reopened, state.finished, state.first_open, gates, state.alarms, state.sides),
        (state.outages, verdicts, state.switched, state.no_return, state.operator),
    )
}
