//! Output within bounds: the beginning and the end are kept, the middle is counted.
//!
//! Refuses to know what the bytes say. They are foreign: show them only through `SafeText`.

use std::borrow::Cow;
use std::collections::VecDeque;

/// The last bytes of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ring {
    bytes: VecDeque<u8>,
    most: usize,
    total: u64,
}

impl Ring {
    /// Keeps at most so many bytes. Takes no memory before they come.
    pub fn new(most: usize) -> Ring {
        Ring { bytes: VecDeque::new(), most, total: 0 }
    }

    /// Takes more of the stream.
    pub fn push(&mut self, chunk: &[u8]) {
        self.total += chunk.len() as u64;
        let (_, kept) = chunk.split_at(chunk.len().saturating_sub(self.most));
        let overflow = (self.bytes.len() + kept.len()).saturating_sub(self.most);
        self.bytes.drain(..overflow.min(self.bytes.len()));
        self.bytes.extend(kept);
    }

    /// How many bytes came in.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How many of them are not kept.
    pub fn cut(&self) -> u64 {
        self.total - self.bytes.len() as u64
    }

    /// What is kept, oldest first, in two pieces.
    pub fn pieces(&self) -> [&[u8]; 2] {
        let (first, second) = self.bytes.as_slices();
        [first, second]
    }
}

/// A captured stream: its beginning, its end, and how much there was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounded {
    head: Vec<u8>,
    most_head: usize,
    tail: Ring,
}

impl Bounded {
    /// Keeps at most so many bytes, half of them from the beginning.
    pub fn new(most: usize) -> Bounded {
        let most_head = most / 2;
        Bounded { head: Vec::new(), most_head, tail: Ring::new(most - most_head) }
    }

    /// Takes more of the stream.
    pub fn push(&mut self, chunk: &[u8]) {
        let room = self.most_head - self.head.len();
        let (head, tail) = chunk.split_at(room.min(chunk.len()));
        self.head.extend_from_slice(head);
        self.tail.push(tail);
    }

    /// How many bytes came in.
    pub fn total(&self) -> u64 {
        self.head.len() as u64 + self.tail.total()
    }

    /// How many of them, from the middle, are not kept.
    pub fn cut(&self) -> u64 {
        self.tail.cut()
    }

    /// Everything, if nothing was cut.
    pub fn whole(&self) -> Option<Vec<u8>> {
        (self.cut() == 0).then(|| {
            [self.head.as_slice()].into_iter().chain(self.tail.pieces()).flatten().copied().collect()
        })
    }

    /// What is kept, with a line in place of what was cut. Bytes that are no UTF-8 become `\u{fffd}`.
    pub fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.head).into_owned();
        let tail: Vec<u8> = self.tail.pieces().concat();
        if self.cut() > 0 {
            text.push_str(&cut_line(self.cut()));
            text.push_str(&String::from_utf8_lossy(&tail));
            return text;
        }
        // The border may lie inside a character.
        if let Some(whole) = self.whole() {
            text = match String::from_utf8_lossy(&whole) {
                Cow::Borrowed(whole) => whole.to_owned(),
                Cow::Owned(whole) => whole,
            };
        }
        text
    }
}

/// What stands in place of cut bytes.
pub(super) fn cut_line(bytes: u64) -> String {
    format!("\n[cutover: {bytes} bytes are left out here]\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_fits_is_kept_whole() {
        let mut out = Bounded::new(8);
        out.push("über".as_bytes());
        out.push(b"all");
        assert_eq!(out.text(), "überall");
        assert_eq!((out.total(), out.cut()), (8, 0));
    }

    #[test]
    fn what_does_not_fit_keeps_both_ends_and_says_how_much_is_missing() {
        let mut out = Bounded::new(8);
        out.push(b"0123456789abcdef");
        assert_eq!(out.text(), "0123\n[cutover: 8 bytes are left out here]\ncdef");
        assert_eq!(out.whole(), None);
    }

    proptest! {
        #[test]
        fn however_it_comes_in_the_ends_are_the_stream_s(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20),
            most in 0..60usize,
        ) {
            let stream = chunks.concat();
            let (mut out, mut ring) = (Bounded::new(most), Ring::new(most));
            for chunk in &chunks {
                out.push(chunk);
                ring.push(chunk);
            }
            prop_assert_eq!(out.total(), stream.len() as u64);
            prop_assert_eq!(out.cut(), stream.len().saturating_sub(most) as u64);
            prop_assert_eq!(out.whole(), (stream.len() <= most).then(|| stream.clone()));
            prop_assert_eq!(ring.pieces().concat(), &stream[stream.len().saturating_sub(most)..]);
            prop_assert_eq!(ring.cut(), out.cut());
        }
    }
}
