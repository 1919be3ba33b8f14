//! Text for the clipboard of the terminal that somebody sits at, over any number of ssh hops: OSC 52.
//!
//! Owns the sequence and how multiplexers let it through. Refuses to write it: `terminal` does.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What terminals take at least: 100 000 bytes of base64.
const MAX: usize = 74_994;

/// GNU screen takes strings of at most this length.
const SCREEN_PIECE: usize = 250;

/// Text that terminals would cut or refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge {
    /// Its length in bytes.
    pub length: usize,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not copied: {} bytes, and terminals take {MAX}; write it to a file instead", self.length)
    }
}

impl std::error::Error for TooLarge {}

/// What stands between us and the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrap {
    /// Nothing.
    None,
    /// tmux, which hands on what is marked for the terminal (`allow-passthrough on`).
    Tmux,
    /// GNU screen, which hands on short pieces.
    Screen,
}

impl Wrap {
    /// As the environment tells.
    pub fn from_env() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        match (set("TMUX"), set("STY")) {
            (true, _) => Self::Tmux,
            (false, true) => Self::Screen,
            (false, false) => Self::None,
        }
    }
}

/// The bytes that put `text` on the clipboard.
pub fn osc52(text: &str, wrap: Wrap) -> Result<Vec<u8>, TooLarge> {
    if text.len() > MAX {
        return Err(TooLarge { length: text.len() });
    }
    let plain = format!("\x1b]52;c;{}\x07", STANDARD.encode(text));
    Ok(match wrap {
        Wrap::None => plain.into_bytes(),
        Wrap::Tmux => format!("\x1bPtmux;{}\x1b\\", plain.replace('\x1b', "\x1b\x1b")).into_bytes(),
        Wrap::Screen => {
            let pieces = plain.as_bytes().chunks(SCREEN_PIECE);
            pieces.flat_map(|piece| [b"\x1bP", piece, b"\x1b\\"].concat()).collect()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_goes_through_whatever_is_in_it() {
        assert_eq!(osc52("a\x1b]b", Wrap::None).unwrap(), b"\x1b]52;c;YRtdYg==\x07");
    }

    #[test]
    fn multiplexers_get_it_wrapped_as_they_want_it() {
        assert_eq!(osc52("x", Wrap::Tmux).unwrap(), b"\x1bPtmux;\x1b\x1b]52;c;eA==\x07\x1b\\");
        let screen = osc52(&"x".repeat(600), Wrap::Screen).unwrap();
        let pieces: Vec<_> = screen.split_inclusive(|b| *b == b'\\').collect();
        assert!(pieces.len() > 1);
        assert!(pieces.iter().all(|p| p.starts_with(b"\x1bP") && p.len() <= SCREEN_PIECE + 4));
    }

    #[test]
    fn what_is_too_large_is_said_and_not_cut() {
        assert!(osc52(&"x".repeat(MAX), Wrap::None).is_ok());
        assert_eq!(osc52(&"x".repeat(MAX + 1), Wrap::None), Err(TooLarge { length: MAX + 1 }));
    }
}
