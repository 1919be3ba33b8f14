//! How the program ends: one number for each thing that a script may have to tell apart.

use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or the same.
    Done = 0,
    /// Rolled back, or different.
    Different = 1,
    /// The plan, or the command line, is wrong.
    Usage = 2,
    /// Something could not be reached, or not proved.
    NotProved = 3,
    /// The record is damaged, or cannot be written.
    Journal = 4,
    /// Another process has it.
    Held = 5,
    /// The run is left held and can be gone on with.
    LeftHeld = 6,
    /// The run was given up.
    Aborted = 7,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The one with a number that another of our processes ended with; `None` for any other number.
    pub fn of_code(code: i32) -> Option<Exit> {
        [
            Exit::Done,
            Exit::Different,
            Exit::Usage,
            Exit::NotProved,
            Exit::Journal,
            Exit::Held,
            Exit::LeftHeld,
            Exit::Aborted,
        ]
        .into_iter()
        .find(|exit| i32::from(exit.code()) == code)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// Why a command ended other than well: what a person reads, and the number.
#[derive(Debug)]
pub struct Failure {
    /// How the program ends.
    pub exit: Exit,
    /// What happened, to what, and what to do next. May hold foreign text.
    pub message: String,
}

impl Failure {
    /// A failure.
    pub fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure { exit, message: message.into() }
    }

    /// The plan, or the command line, is wrong.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Usage, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_that_scripts_know() {
        let numbers = [
            (Exit::Done, 0),
            (Exit::Different, 1),
            (Exit::Usage, 2),
            (Exit::NotProved, 3),
            (Exit::Journal, 4),
            (Exit::Held, 5),
            (Exit::LeftHeld, 6),
            (Exit::Aborted, 7),
        ];
        for (exit, number) in numbers {
            assert_eq!(exit.code(), number);
            assert_eq!(Exit::of_code(number.into()), Some(exit));
        }
        assert_eq!(Exit::of_code(101), None);
    }
}
