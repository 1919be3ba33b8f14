//! A second look at files that were changed or went away while the first was taken.

use super::Board;
use super::bytes::Side;
use super::candidates::Candidates;
use super::content::{self, Unsettled};
use super::judge::{Judge, Judged};
use super::outcome::{Aspect, Difference};
use super::place::{Attributes, Place, join};

/// Looks at each once more, anew on both sides. What does not stand still this time either is not proved.
pub(super) fn settle(
    places: (&dyn Place, &dyn Place),
    full: bool,
    judge: Judge,
    first: (&Candidates, Vec<(u32, Unsettled)>),
    board: &Board,
) {
    let (candidates, again) = first;
    let mut open = Candidates::default();
    for (at, _) in again {
        let Some(candidate) = candidates.get(at) else { continue };
        let (folder, name) = candidates.place(candidate);
        match (places.0.look(folder, name), places.1.look(folder, name)) {
            (Ok(source), Ok(target)) => {
                look(judge, (folder, name), (source.as_ref(), target.as_ref()), &mut open, board);
            }
            (Err(why), _) => not_proved(board, folder, name, Side::Source, &why),
            (_, Err(why)) => not_proved(board, folder, name, Side::Target, &why),
        }
    }
    board.update(|progress, _| progress.files += u64::from(open.len()));
    for (at, why) in content::compare(places, full, &open, board) {
        let Some(candidate) = open.get(at) else { continue };
        let (folder, name) = open.place(candidate);
        let (side, why) = match why {
            Unsettled::Changed(side) => (side, "it was changed while it was read, twice"),
            Unsettled::Gone(side) => (side, "it came and went while it was looked at"),
        };
        not_proved(board, folder, name, side, why);
    }
}

fn not_proved(board: &Board, folder: &[u8], name: &[u8], side: Side, why: &str) {
    board.update(|_, outcome| outcome.not_proved(join(folder, name), format!("at {side}: {why}")));
}

fn look(
    judge: Judge,
    (folder, name): (&[u8], &[u8]),
    sides: (Option<&Attributes>, Option<&Attributes>),
    open: &mut Candidates,
    board: &Board,
) {
    let aspects = match sides {
        (None, None) => return,
        (Some(_), None) => Aspect::Missing.into(),
        (None, Some(_)) => Aspect::Extra.into(),
        (Some(source), Some(target)) => match judge.pair(source, target) {
            Judged::Known(aspects) | Judged::Empty(aspects) => aspects,
            Judged::Open(aspects) => {
                open.enter(folder);
                open.add(name, (source, target), aspects, true);
                return;
            }
        },
    };
    if !aspects.is_empty() {
        let mut difference = Difference::new(join(folder, name), aspects);
        (difference.source, difference.target) = (sides.0.cloned(), sides.1.cloned());
        board.update(|_, outcome| outcome.add(difference));
    }
}
