//! The signs on the screen, in Unicode and in ASCII.
//!
//! Owns both tables. Nobody else writes a sign: a terminal without Unicode would show rubble in its
//! place. Refuses to know when a sign is due.

/// Signs of the screen; each takes one column, but for [`Glyphs::ellipsis`].
#[derive(Debug)]
pub struct Glyphs {
    /// Proved, or done.
    pub proved: &'static str,
    /// Runs now.
    pub running: &'static str,
    /// To come.
    pub to_come: &'static str,
    /// A gate.
    pub gate: &'static str,
    /// The point of no return.
    pub no_return: &'static str,
    /// An alarm, or a breach.
    pub alarm: &'static str,
    /// Unknown, or stale.
    pub unknown: &'static str,
    /// Waived.
    pub waived: &'static str,
    /// Nobody has said anything yet; a value that is not there.
    pub none: &'static str,
    /// The dot that beats while the run is recorded.
    pub beat: &'static str,
    /// The pane that has the keys.
    pub focus: &'static str,
    /// The row that is selected.
    pub cursor: &'static str,
    /// Where text was cut.
    pub ellipsis: &'static str,
    /// The line from a title to its note.
    pub hairline: &'static str,
    /// Column heights of a sparkline, lowest first; the lowest is zero.
    pub spark: [&'static str; 8],
    /// The frame of a gate when the run is live.
    pub frame_live: Frame,
    /// The frame of a gate otherwise.
    pub frame_other: Frame,
    /// Only 7-bit text may be written.
    pub ascii: bool,
}

/// The pieces of a box.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Frame {
    pub top_left: &'static str,
    pub top_right: &'static str,
    pub bottom_left: &'static str,
    pub bottom_right: &'static str,
    pub horizontal: &'static str,
    pub vertical: &'static str,
}

/// For terminals with UTF-8. No sign from a private area, none that takes two columns.
pub static UNICODE: Glyphs = Glyphs {
    proved: "✓",
    running: "▸",
    to_come: "·",
    gate: "◆",
    no_return: "⚑",
    alarm: "!",
    unknown: "?",
    waived: "~",
    none: "—",
    beat: "●",
    focus: "▌",
    cursor: "▸",
    ellipsis: "…",
    hairline: "─",
    spark: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    frame_live: Frame {
        top_left: "┏",
        top_right: "┓",
        bottom_left: "┗",
        bottom_right: "┛",
        horizontal: "━",
        vertical: "┃",
    },
    frame_other: Frame {
        top_left: "┌",
        top_right: "┐",
        bottom_left: "└",
        bottom_right: "┘",
        horizontal: "╌",
        vertical: "╎",
    },
    ascii: false,
};

/// For all others.
pub static ASCII: Glyphs = Glyphs {
    proved: "+",
    running: ">",
    to_come: ".",
    gate: "*",
    no_return: "#",
    alarm: "!",
    unknown: "?",
    waived: "~",
    none: "-",
    beat: "o",
    focus: "|",
    cursor: ">",
    ellipsis: "..",
    hairline: "-",
    spark: ["_", ".", ":", "-", "=", "+", "*", "#"],
    frame_live: Frame {
        top_left: "#",
        top_right: "#",
        bottom_left: "#",
        bottom_right: "#",
        horizontal: "=",
        vertical: "#",
    },
    frame_other: Frame {
        top_left: "+",
        top_right: "+",
        bottom_left: "+",
        bottom_right: "+",
        horizontal: "-",
        vertical: "|",
    },
    ascii: true,
};

/// The table for this terminal: ASCII when asked for, or when the locale is set and not UTF-8. One
/// that is not set (a container, a bare `ssh host command`) says nothing about the terminal, which
/// nearly always is. `var` gives a variable's value.
pub fn choose(ascii: bool, var: impl Fn(&str) -> Option<String>) -> &'static Glyphs {
    // The first that is set decides, as in setlocale(3).
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(var).find(|value| !value.is_empty());
    let utf8 = locale.is_none_or(|name| {
        let name = name.to_ascii_lowercase();
        name.contains("utf-8") || name.contains("utf8")
    });
    if utf8 && !ascii { &UNICODE } else { &ASCII }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthStr;

    fn all(glyphs: &Glyphs) -> Vec<&'static str> {
        let mut all = vec![
            glyphs.proved,
            glyphs.running,
            glyphs.to_come,
            glyphs.gate,
            glyphs.no_return,
            glyphs.alarm,
            glyphs.unknown,
            glyphs.waived,
            glyphs.none,
            glyphs.beat,
            glyphs.focus,
            glyphs.cursor,
            glyphs.hairline,
        ];
        all.extend(glyphs.spark);
        for f in [&glyphs.frame_live, &glyphs.frame_other] {
            all.extend([f.top_left, f.top_right, f.bottom_left, f.bottom_right, f.horizontal, f.vertical]);
        }
        all
    }

    #[test]
    fn every_sign_takes_one_column() {
        for glyph in all(&UNICODE).into_iter().chain(all(&ASCII)) {
            assert_eq!(glyph.width(), 1, "{glyph}");
        }
    }

    #[test]
    fn the_plain_table_is_plain() {
        assert!(all(&ASCII).into_iter().chain([ASCII.ellipsis]).all(str::is_ascii));
    }

    #[test]
    fn what_differs_in_meaning_differs_in_sign() {
        for g in [&UNICODE, &ASCII] {
            let mut states = vec![
                g.proved,
                g.running,
                g.to_come,
                g.gate,
                g.no_return,
                g.alarm,
                g.unknown,
                g.waived,
                g.none,
                g.beat,
            ];
            let all = states.len();
            states.sort_unstable();
            states.dedup();
            assert_eq!(states.len(), all, "{states:?}");
            assert_ne!(g.frame_live, g.frame_other);
        }
    }

    #[test]
    fn the_locale_decides_unless_told() {
        let with = |vars: &'static [(&str, &str)], ascii| {
            choose(ascii, |name| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())).ascii
        };
        assert!(!with(&[("LANG", "de_DE.UTF-8")], false));
        assert!(!with(&[("LANG", "C"), ("LC_ALL", "C.utf8")], false));
        assert!(with(&[("LANG", "de_DE.UTF-8"), ("LC_ALL", "C")], false), "LC_ALL comes first");
        assert!(with(&[("LANG", "de_DE.UTF-8")], true));
        assert!(with(&[("LANG", "C")], false));
        assert!(!with(&[("LANG", "")], false), "not set says nothing");
    }
}
