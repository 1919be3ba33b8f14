//! The codes that stand on gates: what makes sure that a GO comes from somebody who saw this very sheet.
//!
//! Owns the one code that is valid now. It is kept in memory only, given to one connection, and gone with the
//! sheet: it stands in no journal, sample or log. Whether an answer is good is `engine::decide`'s part.

use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use crate::clock::Boot;
use crate::engine::input::Issued;
use crate::engine::rules::gates;
use crate::engine::state::State;
use crate::plan::StepId;

/// Letters that nobody takes for another one, or for a digit; small ones, since they are typed.
const LETTERS: &[u8; 20] = b"abcdefhjkmnprstuwxyz";
/// How many of them make a code, none twice in a row: 137,180 codes.
const LENGTH: usize = 4;
/// A code is not valid before so much real time has passed.
pub const ARMING: Duration = Duration::from_millis(gates::ARMS_AFTER_MS);

/// The code that is valid now, if any.
#[derive(Default)]
pub struct Codes {
    issued: Option<Issued>,
}

impl Codes {
    /// Gives out a code for a sheet that somebody has seen to its last row, if it is the one that counts.
    /// Each time it is asked for there is a new one, armed anew; the one before is void.
    pub fn issue(
        &mut self,
        state: &State,
        gate: &StepId,
        revision: u32,
        sheet: u32,
        digest: &str,
        real: Boot,
    ) -> io::Result<Option<&Issued>> {
        self.issued = None;
        if gates::may_issue(state, gate, revision, sheet, digest).is_ok() {
            let code = random_code(&mut File::open("/dev/urandom")?)?;
            self.issued =
                Some(Issued { gate: gate.clone(), revision, sheet, code, armed_at: real.plus(ARMING) });
        }
        Ok(self.issued.as_ref())
    }

    /// The code that is valid for an answer at this gate.
    pub fn for_gate(&self, gate: &StepId) -> Option<Issued> {
        self.issued.clone().filter(|it| it.gate == *gate)
    }

    /// Whoever had it is gone.
    pub fn forget(&mut self) {
        self.issued = None;
    }

    /// Voids it when its gate was answered, asked anew, or drawn on a new sheet.
    pub fn follow(&mut self, state: &State) {
        let stands = self.issued.as_ref().is_some_and(|it| {
            state.gates.get(&it.gate).is_some_and(|asked| {
                asked.open
                    && asked.revision == it.revision
                    && asked.sheet.as_ref().is_some_and(|s| s.number == it.sheet)
            })
        });
        if !stands {
            self.issued = None;
        }
    }
}

/// No letter stands twice in a row: a key that is held down can type no part of a code, and quick hands are
/// never taken for one.
fn random_code(random: &mut impl Read) -> io::Result<String> {
    let mut code = String::with_capacity(LENGTH);
    let mut byte = [0];
    while code.len() < LENGTH {
        random.read_exact(&mut byte)?;
        // Bytes from 240 would make the first letters likelier than the others.
        let letter = byte.first().filter(|b| **b < 240).and_then(|b| LETTERS.get(usize::from(b % 20)));
        if let Some(letter) = letter.map(|letter| char::from(*letter)).filter(|l| !code.ends_with(*l)) {
            code.push(letter);
        }
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::engine::state::{GateState, Sheet};
    use std::collections::HashSet;

    fn asked(sheet: u32) -> State {
        let gate = GateState {
            revision: 1,
            open: true,
            opened: Some(Timestamp(0)),
            sheet: Some(Sheet {
                number: sheet,
                digest: "now".into(),
                earlier: vec!["before".into()],
                lines: Vec::new(),
            }),
            ..GateState::default()
        };
        State { gates: [("go".into(), gate)].into(), ..State::default() }
    }

    #[test]
    fn a_code_is_given_for_the_sheet_that_counts_and_for_no_other() {
        let state = asked(2);
        let mut codes = Codes::default();
        let mut issue = |gate: &str, revision, sheet, digest| {
            codes.issue(&state, &gate.into(), revision, sheet, digest, Boot(100)).unwrap().cloned()
        };
        assert_eq!(issue("go", 1, 2, "now").unwrap().armed_at, Boot(1600));
        assert!(issue("go", 1, 2, "before").is_some(), "a sheet that got better still counts");
        assert_eq!(issue("go", 1, 1, "now"), None);
        assert_eq!(issue("go", 2, 2, "now"), None);
        assert_eq!(issue("go", 1, 2, "other"), None);
        assert_eq!(issue("stop", 1, 2, "now"), None);
    }

    #[test]
    fn a_new_sheet_an_answer_or_a_new_asking_voids_it() {
        let mut codes = Codes::default();
        let mut voided_by = |change: &dyn Fn(&mut GateState)| {
            let mut state = asked(1);
            codes.issue(&state, &"go".into(), 1, 1, "now", Boot(0)).unwrap().unwrap();
            codes.follow(&state);
            assert!(codes.for_gate(&"go".into()).is_some());
            change(state.gates.get_mut("go").unwrap());
            codes.follow(&state);
            codes.for_gate(&"go".into()).is_none()
        };
        assert!(voided_by(&|g| g.sheet.as_mut().unwrap().number = 2));
        assert!(voided_by(&|g| g.open = false));
        assert!(voided_by(&|g| g.revision = 2));
        assert!(!voided_by(&|g| g.sheet.as_mut().unwrap().digest = "better".into()));
    }

    #[test]
    fn codes_are_four_plain_letters_and_differ() {
        let mut random = File::open("/dev/urandom").unwrap();
        let codes: HashSet<String> = (0..200).map(|_| random_code(&mut random).unwrap()).collect();
        assert!(codes.len() > 190, "{}", codes.len());
        assert!(codes.iter().all(|c| c.len() == LENGTH && c.bytes().all(|b| LETTERS.contains(&b))));
    }

    #[test]
    fn bytes_that_would_favour_some_letters_are_left_out() {
        let bytes = [240, 255, 0, 19, 20, 239];
        assert_eq!(random_code(&mut &bytes[..]).unwrap(), "azaz");
    }

    #[test]
    fn no_letter_stands_twice_in_a_row() {
        let bytes = [0, 0, 20, 1, 1, 0, 0, 2];
        assert_eq!(random_code(&mut &bytes[..]).unwrap(), "abac");
    }
}
