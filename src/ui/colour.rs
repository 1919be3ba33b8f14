//! Colours, and what becomes of them on terminals that have fewer.
//!
//! Owns how many colours a terminal has and the nearest of them to a given one. Refuses to know what a
//! colour means: `theme` does.

use ratatui::style::Color;

/// How many colours the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// None: bold, dim and reverse have to do.
    None,
    /// The sixteen that the terminal's own palette names.
    Sixteen,
    /// The cube of 216 and 24 greys.
    Indexed,
    /// 24 bits.
    True,
}

impl Depth {
    /// As the environment tells: `NO_COLOR` first, then `CLICOLOR_FORCE`, then what `COLORTERM` and
    /// `TERM` say. `var` gives a variable's value.
    pub fn detect(var: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| var(name).is_some_and(|value| !value.is_empty());
        let forced = var("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0");
        if set("NO_COLOR") {
            return Self::None;
        }
        let term = var("TERM").unwrap_or_default();
        let found = match var("COLORTERM").as_deref() {
            Some("truecolor" | "24bit") => Self::True,
            _ if term.ends_with("-direct") || term.contains("kitty") || term.contains("ghostty") => {
                Self::True
            }
            _ if term.contains("256color") => Self::Indexed,
            _ if term.is_empty() || term == "dumb" || term.starts_with("vt1") => Self::None,
            _ => Self::Sixteen,
        };
        if forced { found.max(Self::Sixteen) } else { found }
    }

    /// The nearest colour that this depth has.
    pub fn nearest(self, colour: Color) -> Color {
        match (self, colour) {
            (Self::None, _) => Color::Reset,
            (Self::Indexed, Color::Rgb(r, g, b)) => Color::Indexed(nearest_indexed([r, g, b])),
            (Self::Sixteen, Color::Rgb(r, g, b)) => nearest_named([r, g, b]),
            (Self::Sixteen, Color::Indexed(n)) => nearest_named(indexed(n)),
            _ => colour,
        }
    }
}

/// The sixteen, as most terminals show them. Their owner may have changed them, to colours that are
/// still called the same.
const NAMED: [(Color, [u8; 3]); 16] = [
    (Color::Black, [0, 0, 0]),
    (Color::Red, [205, 49, 49]),
    (Color::Green, [13, 160, 90]),
    (Color::Yellow, [205, 160, 30]),
    (Color::Blue, [36, 90, 200]),
    (Color::Magenta, [188, 63, 188]),
    (Color::Cyan, [17, 150, 190]),
    (Color::Gray, [200, 200, 200]),
    (Color::DarkGray, [105, 105, 105]),
    (Color::LightRed, [241, 76, 76]),
    (Color::LightGreen, [35, 209, 139]),
    (Color::LightYellow, [245, 230, 67]),
    (Color::LightBlue, [59, 142, 234]),
    (Color::LightMagenta, [214, 112, 214]),
    (Color::LightCyan, [41, 184, 219]),
    (Color::White, [255, 255, 255]),
];

/// The name of one of the sixteen, as themes write it.
pub fn named(name: &str) -> Option<Color> {
    const NAMES: [&str; 16] = [
        "black",
        "red",
        "green",
        "yellow",
        "blue",
        "magenta",
        "cyan",
        "grey",
        "dark-grey",
        "light-red",
        "light-green",
        "light-yellow",
        "light-blue",
        "light-magenta",
        "light-cyan",
        "white",
    ];
    let at = NAMES.iter().position(|n| *n == name)?;
    NAMED.get(at).map(|(colour, _)| *colour)
}

fn nearest_named(rgb: [u8; 3]) -> Color {
    nearest(rgb, NAMED.into_iter()).unwrap_or(Color::Reset)
}

fn nearest_indexed(rgb: [u8; 3]) -> u8 {
    // The first sixteen are whatever their owner made them.
    nearest(rgb, (16..=255).map(|n| (n, indexed(n)))).unwrap_or(16)
}

/// Greys go to greys and hues to hues: an amber that turned grey would call nobody.
fn nearest<T>(rgb: [u8; 3], among: impl Iterator<Item = (T, [u8; 3])>) -> Option<T> {
    let from = lab(rgb);
    let chroma = |[_, a, b]: [f32; 3]| a.hypot(b);
    let is_grey = chroma(from) < 0.03;
    among
        .map(|(name, of)| (name, lab(of)))
        .filter(|(_, of)| (chroma(*of) < 0.01) == is_grey)
        .min_by(|(_, a), (_, b)| distance(from, *a).total_cmp(&distance(from, *b)))
        .map(|(name, _)| name)
}

/// What xterm's 256 colours are.
fn indexed(n: u8) -> [u8; 3] {
    match n {
        0..=15 => NAMED.get(usize::from(n)).map_or([0; 3], |(_, rgb)| *rgb),
        16..=231 => [(n - 16) / 36, (n - 16) / 6 % 6, (n - 16) % 6].map(|step| match step {
            0 => 0,
            step => 55 + 40 * step,
        }),
        232..=255 => [8 + 10 * (n - 232); 3],
    }
}

/// A colour in Oklab, where distances are what eyes see. <https://bottosson.github.io/posts/oklab/>
#[expect(clippy::many_single_char_names, reason = "as they are called there")]
pub(super) fn lab(rgb: [u8; 3]) -> [f32; 3] {
    let [r, g, b] = rgb.map(linear);
    let l = (0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

pub(super) fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt()
}

/// A channel of sRGB as light, 0 to 1.
pub(super) fn linear(channel: u8) -> f32 {
    let c = f32::from(channel) / 255.0;
    if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(vars: &[(&str, &str)]) -> Depth {
        Depth::detect(|name| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn the_environment_says_how_many_colours_there_are() {
        assert_eq!(depth(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")]), Depth::True);
        assert_eq!(depth(&[("TERM", "xterm-256color")]), Depth::Indexed);
        assert_eq!(depth(&[("TERM", "tmux-256color")]), Depth::Indexed);
        assert_eq!(depth(&[("TERM", "xterm")]), Depth::Sixteen);
        assert_eq!(depth(&[("TERM", "linux")]), Depth::Sixteen);
        assert_eq!(depth(&[("TERM", "dumb")]), Depth::None);
        assert_eq!(depth(&[]), Depth::None);
        assert_eq!(depth(&[("TERM", "xterm-kitty")]), Depth::True);
    }

    #[test]
    fn no_color_wins_and_force_gives_at_least_sixteen() {
        let rich = [("TERM", "xterm-256color"), ("COLORTERM", "truecolor"), ("NO_COLOR", "1")];
        assert_eq!(depth(&rich), Depth::None);
        assert_eq!(depth(&[("TERM", "dumb"), ("CLICOLOR_FORCE", "1")]), Depth::Sixteen);
        assert_eq!(depth(&[("TERM", "dumb"), ("CLICOLOR_FORCE", "0")]), Depth::None);
        assert_eq!(depth(&[("TERM", "dumb"), ("NO_COLOR", "")]), Depth::None);
    }

    #[test]
    fn exact_colours_stay_exact() {
        for n in 16..=255 {
            let [r, g, b] = indexed(n);
            let Color::Indexed(nearest) = Depth::Indexed.nearest(Color::Rgb(r, g, b)) else { panic!("{n}") };
            assert_eq!(indexed(nearest), [r, g, b], "{n}");
        }
        assert_eq!(Depth::True.nearest(Color::Rgb(1, 2, 3)), Color::Rgb(1, 2, 3));
        assert_eq!(Depth::Sixteen.nearest(Color::Red), Color::Red);
    }

    #[test]
    fn the_sixteen_keep_hue_apart_from_grey() {
        let cases = [
            ([0xe3, 0xac, 0x45], Color::Yellow),
            ([0xea, 0x5b, 0x52], Color::LightRed),
            ([0xa9, 0xb1, 0xba], Color::Gray),
            ([0x69, 0x72, 0x7c], Color::DarkGray),
            ([0xee, 0xf1, 0xf4], Color::White),
            ([0x1d, 0x3a, 0x5c], Color::Blue),
            ([0x10, 0x12, 0x14], Color::Black),
        ];
        for (rgb @ [r, g, b], colour) in cases {
            assert_eq!(Depth::Sixteen.nearest(Color::Rgb(r, g, b)), colour, "{rgb:?}");
        }
    }

    #[test]
    fn without_colours_there_are_none() {
        assert_eq!(Depth::None.nearest(Color::Rgb(255, 0, 0)), Color::Reset);
        assert_eq!(Depth::None.nearest(Color::Red), Color::Reset);
    }

    #[test]
    fn names_are_the_sixteen() {
        assert_eq!(named("dark-grey"), Some(Color::DarkGray));
        assert_eq!(named("mauve"), None);
    }
}
