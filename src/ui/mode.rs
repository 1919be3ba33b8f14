//! How real this is. Confusing the modes kills, so a mode differs in a word, in a colour band and in
//! the frame of every gate.
//!
//! Owns the words and which roles a mode is drawn in. Refuses to know what a mode permits: the engine
//! does.

use super::theme::Role;

/// What the screen shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The real thing.
    Live,
    /// A run that changes nothing real.
    Rehearsal,
    /// Somebody else's run, read only.
    Watch,
    /// A run of the past.
    Replay,
}

impl Mode {
    /// The word that stands first on the first line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Live => "LIVE",
            Self::Rehearsal => "REHEARSAL",
            Self::Watch => "WATCH",
            Self::Replay => "REPLAY",
        }
    }

    /// What the word is drawn in.
    pub const fn word_role(self) -> Role {
        match self {
            Self::Live => Role::ModeLive,
            Self::Rehearsal => Role::ModeRehearsal,
            Self::Watch => Role::ModeWatch,
            Self::Replay => Role::ModeReplay,
        }
    }

    /// What lies under the whole first line.
    pub const fn band(self) -> Role {
        match self {
            Self::Live => Role::BandLive,
            Self::Rehearsal => Role::BandRehearsal,
            Self::Watch => Role::BandWatch,
            Self::Replay => Role::BandReplay,
        }
    }

    /// What the hairlines are drawn in.
    pub const fn hairline(self) -> Role {
        match self {
            Self::Live => Role::HairlineLive,
            Self::Rehearsal => Role::HairlineRehearsal,
            Self::Watch => Role::HairlineWatch,
            Self::Replay => Role::HairlineReplay,
        }
    }

    /// What the frame of a gate is drawn in.
    pub const fn frame(self) -> Role {
        match self {
            Self::Live => Role::GateFrame,
            _ => self.word_role(),
        }
    }
}
