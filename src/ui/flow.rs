//! How far the terminal may be behind.
//!
//! Over a slow link, frames written faster than they are shown pile up in buffers that nobody sees,
//! and the screen shows the past. So the program asks the terminal now and then whether it has
//! processed what it was sent, and while too much is on its way, draws nothing: the next frame then
//! shows the present. A terminal that never answers is not waited for.
//!
//! Owns the count. Refuses to know bytes and descriptors: `terminal` asks it before each frame.

use std::time::{Duration, Instant};

/// Asks the terminal to answer [`super::decode::Reply::Alive`].
pub(super) const QUESTION: &[u8] = b"\x1b[5n";

/// With this many bytes on their way the terminal is asked.
const ASK: usize = 4 * 1024;
/// With more than this many, and the question not answered, nothing is drawn.
const WINDOW: usize = 8 * 1024;
/// For so long; then one frame goes out all the same, since an answer can be lost.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(super) struct Flow {
    /// Bytes written and not known to be shown.
    underway: usize,
    /// Those of them written after the question.
    after: usize,
    asked: Option<Instant>,
    /// It has answered before, so it can.
    answers: bool,
}

impl Flow {
    /// Whether the next frame may be drawn.
    pub(super) fn open(&mut self, now: Instant) -> bool {
        match self.asked {
            Some(asked) if self.answers && self.underway > WINDOW => {
                let patience_over = now.duration_since(asked) >= PATIENCE;
                if patience_over {
                    self.asked = None;
                }
                patience_over
            }
            _ => true,
        }
    }

    /// A frame is about to be written; says whether the question goes with it.
    pub(super) fn ask(&mut self, bytes: usize, now: Instant) -> bool {
        self.underway += bytes;
        if self.asked.is_some() {
            self.after += bytes;
            return false;
        }
        let first = self.underway == bytes && !self.answers;
        let ask = first || self.underway >= ASK;
        if ask {
            self.asked = Some(now);
            self.after = 0;
        }
        ask
    }

    /// The terminal has answered.
    pub(super) fn answered(&mut self) {
        self.answers = true;
        self.asked = None;
        self.underway = self.after;
        self.after = 0;
    }

    /// Whether an answer is on its way, from a terminal that gives them.
    pub(super) fn expects_an_answer(&self) -> bool {
        self.answers && self.asked.is_some()
    }

    /// The terminal was left and entered again: what was on its way is gone.
    pub(super) fn reset(&mut self) {
        *self = Self { answers: self.answers, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_that_keeps_up_is_never_held() {
        let (mut flow, now) = (Flow::default(), Instant::now());
        assert!(flow.ask(9_000, now), "the first frame asks, to learn whether it answers");
        flow.answered();
        for _ in 0..1_000 {
            assert!(flow.open(now));
            if flow.ask(150, now) {
                flow.answered();
            }
        }
    }

    #[test]
    fn a_stalled_terminal_gets_a_window_and_then_a_frame_now_and_then() {
        let (mut flow, mut now) = (Flow::default(), Instant::now());
        flow.ask(8_000, now);
        flow.answered();
        let mut sent = 0;
        for _ in 0..200 {
            now += Duration::from_millis(20);
            if flow.open(now) {
                flow.ask(400, now);
                sent += 400;
            }
        }
        assert!(sent <= WINDOW + 400 * 3, "{sent} bytes in four seconds");
        flow.answered();
        assert!(flow.open(now), "and is drawn to as soon as it answers");
    }

    #[test]
    fn a_terminal_that_never_answers_is_not_waited_for() {
        let (mut flow, now) = (Flow::default(), Instant::now());
        for _ in 0..100 {
            assert!(flow.open(now));
            flow.ask(8_000, now);
        }
    }
}
