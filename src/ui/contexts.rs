//! Where keys are pressed, and the sets of places that the table of actions speaks of.

/// Where keys are pressed. What a key means differs from place to place and nowhere within one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Context {
    /// The cockpit.
    Main = 1,
    /// A gate that is open.
    Gate = 1 << 1,
    /// The field in which GO is said; letters are text.
    GateField = 1 << 2,
    /// A reason, a name; letters are text.
    Text = 1 << 3,
    /// The command palette; letters are text.
    Palette = 1 << 4,
    /// A search; letters are text.
    Find = 1 << 5,
    /// The help.
    Help = 1 << 6,
    /// One thing with all its detail, over what was there before.
    Detail = 1 << 7,
    /// The journal.
    Journal = 1 << 8,
    /// A pane, whole.
    View = 1 << 9,
    /// The page on which a live run is started; letters are text.
    Start = 1 << 10,
    /// What is to become of the run, after `q`.
    Quit = 1 << 11,
}

/// Several contexts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contexts(u16);

impl Contexts {
    /// Whether a context is among them.
    pub const fn contain(self, context: Context) -> bool {
        self.0 & context as u16 != 0
    }

    pub(super) const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }
}

impl Context {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Main,
        Self::Gate,
        Self::GateField,
        Self::Text,
        Self::Palette,
        Self::Find,
        Self::Help,
        Self::Detail,
        Self::Journal,
        Self::View,
        Self::Start,
        Self::Quit,
    ];

    /// Letters are text here, and cannot be keys.
    pub const fn is_typed_into(self) -> bool {
        TYPED.contain(self)
    }

    /// Whether a character is text here, and cannot be a key. A target's word has few of them.
    pub const fn types(self, c: char) -> bool {
        match self {
            Self::Start => matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | ' '),
            _ => self.is_typed_into(),
        }
    }

    /// As help and errors call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Main => "cockpit",
            Self::Gate => "gate",
            Self::GateField => "saying GO",
            Self::Text => "typing",
            Self::Palette => "commands",
            Self::Find => "search",
            Self::Help => "help",
            Self::Detail => "detail",
            Self::Journal => "journal",
            Self::View => "view",
            Self::Start => "start",
            Self::Quit => "leaving",
        }
    }
}

pub(super) const fn any(of: &[Context]) -> Contexts {
    let mut bits = 0;
    let mut rest = of;
    while let [first, others @ ..] = rest {
        bits |= *first as u16;
        rest = others;
    }
    Contexts(bits)
}

use Context as C;

pub(super) const NOWHERE: Contexts = any(&[]);
pub(super) const MAIN: Contexts = any(&[C::Main]);
pub(super) const GATE: Contexts = any(&[C::Gate]);
pub(super) const FIELD: Contexts = any(&[C::GateField]);
pub(super) const TEXT: Contexts = any(&[C::Text]);
pub(super) const PALETTE: Contexts = any(&[C::Palette]);
pub(super) const FIND: Contexts = any(&[C::Find]);
pub(super) const VIEW: Contexts = any(&[C::View]);
pub(super) const START: Contexts = any(&[C::Start]);
pub(super) const QUIT: Contexts = any(&[C::Quit]);
/// Where the cockpit or one of its panes has the keys.
pub(super) const PANES: Contexts = any(&[C::Main, C::View, C::Journal]);
/// Where the views can be turned to; at a gate that is to look around.
pub(super) const VIEWS: Contexts = any(&[C::Main, C::View, C::Journal, C::Gate]);
/// Where one can look around: the panes, and what opens over them.
pub(super) const READ: Contexts = any(&[C::Main, C::View, C::Journal, C::Detail, C::Help]);
pub(super) const OVER: Contexts = any(&[C::Detail, C::Help]);
pub(super) const TYPED: Contexts = any(&[C::GateField, C::Text, C::Palette, C::Find, C::Start]);
/// Everywhere in a run.
pub(super) const RUN: Contexts = Contexts(ALL.0 & !START.0);
pub(super) const ALL: Contexts = any(&Context::ALL);
