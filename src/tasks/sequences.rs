//! Sequences carried from one side to the other: read, moved on, and read again.

use std::time::Duration;

use super::executor::{Ended, Hand};
use crate::counts::{count, counted};
use crate::databases::{Error, Sequence};
use crate::engine::event::Outcome;
use crate::plan::model::Carry;

/// One question may take this long.
const QUESTION: Duration = Duration::from_secs(30);

/// Moves the sequences of one side on to where those of the other stand, and sees that they do.
pub(super) async fn carry(hand: &Hand, carry: &Carry) -> Ended {
    let (from, to) = match (hand.database(&carry.from, QUESTION), hand.database(&carry.to, QUESTION)) {
        (Ok(from), Ok(to)) => (from, to),
        (Err(why), _) | (_, Err(why)) => return Ended::failed(why),
    };
    let given = match from.sequences().await {
        Ok(given) => given,
        Err(why) => return Ended::new(Outcome::NotStarted, why.to_string()),
    };
    if let Err(why) = to.move_on(&given, carry.margin).await {
        return match why {
            Error::TimedOut { .. } | Error::NotReachable { .. } | Error::Cancelled { .. } => {
                Ended::unknown(format!("whether they were moved nobody knows: {why}"))
            }
            Error::Refused { .. } | Error::Broken { .. } => Ended::failed(why.to_string()),
        };
    }
    match to.sequences().await {
        Ok(own) => judge(carry, &given, &own).unwrap_or_else(|behind| {
            Ended::failed(format!(
                "{behind} was moved on and stands behind all the same: look who sets it back"
            ))
        }),
        Err(why) => Ended::unknown(format!("they were moved, and how they stand nobody knows: {why}")),
    }
}

/// After the engine was gone: do they stand where they should?
pub(super) async fn is_carried(hand: &Hand, carry: &Carry) -> Ended {
    let read = async {
        let (from, to) = (hand.database(&carry.from, QUESTION)?, hand.database(&carry.to, QUESTION)?);
        let words = |why: Error| why.to_string();
        Ok::<_, String>((from.sequences().await.map_err(words)?, to.sequences().await.map_err(words)?))
    };
    match read.await {
        Ok((given, own)) => judge(carry, &given, &own).unwrap_or_else(|behind| {
            Ended::new(Outcome::NotStarted, format!("{behind} stands behind: they were not moved"))
        }),
        Err(why) => Ended::unknown(format!("whether they were moved nobody knows: {why}")),
    }
}

/// That all of them stand beyond what was given, or the first that does not.
fn judge(carry: &Carry, given: &[Sequence], own: &[Sequence]) -> Result<Ended, String> {
    let behind = |given: &&Sequence| !own.iter().any(|own| own.name == given.name && own.is_beyond(given));
    if let Some(sequence) = given.iter().find(behind) {
        return Err(sequence.name.clone());
    }
    let how_many = counted(given.len() as u64, "sequence", "sequences");
    let ahead = if carry.margin == 0 { String::new() } else { format!(", by {}", count(carry.margin)) };
    Ok(Ended::done(format!("{how_many} of {} beyond those of {}{ahead}", carry.to, carry.from)))
}
