//! What a theme must keep: every role filled, what calls told apart, text that can be read, by
//! everybody and at every depth.

use super::super::colour::{distance, lab, linear};
use super::*;

const DEPTHS: [Depth; 4] = [Depth::None, Depth::Sixteen, Depth::Indexed, Depth::True];

fn rgb(colour: Option<Color>, default: [u8; 3]) -> [u8; 3] {
    match colour {
        Some(Color::Rgb(r, g, b)) => [r, g, b],
        None | Some(Color::Reset) => default,
        other => panic!("{other:?}"),
    }
}

/// WCAG's contrast of a role's text with what is behind it.
fn contrast(theme: &Theme, role: Role, screen: [u8; 3]) -> f32 {
    let style = theme.style(role);
    let luminance = |rgb: [u8; 3]| {
        let [r, g, b] = rgb.map(linear);
        0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05
    };
    let (a, b) = (luminance(rgb(style.fg, [255; 3])), luminance(rgb(style.bg, screen)));
    if a > b { a / b } else { b / a }
}

const DARK: [u8; 3] = [0x10, 0x12, 0x14];
const LIGHT: [u8; 3] = [0xff, 0xff, 0xff];

const TEXT: [Role; 17] = [
    Role::Normal,
    Role::Bright,
    Role::Title,
    Role::Advisory,
    Role::Caution,
    Role::Warning,
    Role::Proved,
    Role::Go,
    Role::StepRunning,
    Role::StepToCome,
    Role::StepGate,
    Role::ModeLive,
    Role::ModeRehearsal,
    Role::ModeWatch,
    Role::ModeReplay,
    Role::GateTitle,
    Role::KeyName,
];

fn told_apart(theme: &Theme, roles: &[Role], because: &str) {
    for (at, a) in roles.iter().enumerate() {
        for b in &roles[at + 1..] {
            assert_ne!(theme.style(*a), theme.style(*b), "{because}: {} and {}", a.name(), b.name());
        }
    }
}

#[test]
fn every_theme_fills_every_role_at_every_depth() {
    for (name, _) in BUILT_IN {
        for depth in DEPTHS {
            let theme = Theme::load(name, None, depth).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(theme.styles.len(), Role::ALL.len());
        }
    }
}

#[test]
fn what_calls_looks_different_at_every_depth() {
    let calls = [Role::Normal, Role::Dim, Role::Bright, Role::Advisory, Role::Caution, Role::Warning];
    for (name, _) in BUILT_IN {
        for depth in DEPTHS {
            let theme = Theme::load(name, None, depth).unwrap();
            let because = format!("{name} at {depth:?}");
            told_apart(&theme, &calls, &because);
            let proved = [Role::Normal, Role::Dim, Role::Caution, Role::Warning, Role::Proved];
            told_apart(&theme, &proved, &because);
        }
    }
}

#[test]
fn modes_cannot_be_confused() {
    for (name, _) in BUILT_IN {
        for depth in DEPTHS {
            let theme = Theme::load(name, None, depth).unwrap();
            let bands = [Role::BandLive, Role::BandRehearsal, Role::BandWatch, Role::BandReplay];
            told_apart(&theme, &bands, &format!("{name} at {depth:?}"));
        }
    }
}

#[test]
fn text_can_be_read() {
    for (name, screen, text, dim) in [
        ("dark", DARK, 4.5, 3.9),
        ("light", LIGHT, 4.5, 3.9),
        ("colour-blind", DARK, 4.5, 3.9),
        ("high-contrast", DARK, 7.0, 7.0),
        ("high-contrast", [0, 0, 0], 7.0, 7.0),
    ] {
        let theme = Theme::load(name, None, Depth::True).unwrap();
        for role in TEXT {
            let found = contrast(&theme, role, screen);
            assert!(found >= text, "{name}: {} has {found:.1}", role.name());
        }
        for role in [Role::Dim, Role::StepDone, Role::KeyLabel, Role::Old] {
            let found = contrast(&theme, role, screen);
            assert!(found >= dim, "{name}: {} has {found:.1}", role.name());
        }
    }
}

/// How colours look to eyes without one kind of cone: Machado, Oliveira and Fernandes (2009).
const EYES: [(&str, [[f32; 3]; 3]); 3] = [
    (
        "no red",
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
    ),
    (
        "no green",
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
    ),
    (
        "no blue",
        [
            [1.255_528, -0.076_749, -0.178_779],
            [-0.078_411, 0.930_809, 0.147_602],
            [0.004_733, 0.691_367, 0.303_900],
        ],
    ),
];

fn seen(rgb: [u8; 3], eyes: [[f32; 3]; 3]) -> [u8; 3] {
    let light = rgb.map(linear);
    eyes.map(|row| {
        let c: f32 = row.iter().zip(light).map(|(m, l)| m * l).sum();
        let c = c.clamp(0.0, 1.0);
        let srgb = if c <= 0.003_130_8 { 12.92 * c } else { 1.055 * c.powf(1.0 / 2.4) - 0.055 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
        let channel = (srgb * 255.0).round() as u8;
        channel
    })
}

#[test]
fn colour_blind_eyes_tell_the_levels_apart() {
    let theme = Theme::load("colour-blind", None, Depth::True).unwrap();
    let roles = [Role::Normal, Role::Advisory, Role::Caution, Role::Warning, Role::Proved];
    for (which, eyes) in EYES {
        for (at, a) in roles.iter().enumerate() {
            for b in &roles[at + 1..] {
                let colour = |role: Role| {
                    let style = theme.style(role);
                    lab(seen(rgb(style.bg.or(style.fg), LIGHT), eyes))
                };
                let apart = distance(colour(*a), colour(*b));
                assert!(apart > 0.08, "{which}: {} and {} are {apart:.3} apart", a.name(), b.name());
            }
        }
    }
}

fn own(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn fails(text: &str) -> String {
    let folder = own(&[("mine.toml", text)]);
    let error = Theme::load("mine", Some(folder.path()), Depth::True).unwrap_err().to_string();
    let (_, rest) = error.split_once("mine.toml:").expect("the file is named");
    rest.to_owned()
}

#[test]
fn a_users_theme_changes_what_it_names_and_keeps_the_rest() {
    let folder = own(&[
        ("mine.toml", "inherits = 'dark'\ntext.dim = 'blue'\n[palette]\nred = '#ff0000'"),
        ("dark.toml", "inherits = 'dark'\nbeat = '#123456'"),
    ]);
    let theme = Theme::load("mine", Some(folder.path()), Depth::True).unwrap();
    let fg = |role| theme.style(role).fg;
    assert_eq!(fg(Role::Warning), Some(Color::Rgb(255, 0, 0)), "its palette recolours what it inherits");
    assert_eq!(fg(Role::Dim), Some(Color::Blue));
    assert_eq!(fg(Role::Beat), Some(Color::Rgb(0x12, 0x34, 0x56)), "from the user's own dark");
    assert_eq!(theme.style(Role::Caution), Theme::built_in("dark", Depth::True).style(Role::Caution));
    assert!(names(Some(folder.path())).contains(&"mine".to_owned()));
}

#[test]
fn errors_say_where_and_what_would_be_right() {
    assert_eq!(
        fails("inherits = 'dark'\n[text]\nbrigth = 'white'"),
        "3:1: there is no role `text.brigth`; did you mean `text.bright`?"
    );
    assert!(fails("inherits = 'dark'\ngo = 'greeen'").starts_with("2:6: `greeen` is no colour"));
    assert!(fails("inherits = 'dark'\ngo = { fg = 'green', blink = true }").starts_with("2:22: a look has"));
    assert!(fails("go = { modifiers = ['loud'] }").contains("`loud` is no modifier"));
    assert!(fails("inherits = 'dark'\ngo = 7").starts_with("2:6: a table belongs here"));
    assert!(fails("inherits = 'dark'\n[text").starts_with("2:"));
    assert!(fails("inherits = 'dark'\n[palette]\nred = 'redd'").starts_with("3:7: `redd` is no colour"));
}

#[test]
fn a_theme_without_a_role_a_circle_and_a_name_that_is_none_are_refused() {
    let folder =
        own(&[("bare.toml", "go = 'green'"), ("a.toml", "inherits = 'b'"), ("b.toml", "inherits = 'a'")]);
    let says = |name| Theme::load(name, Some(folder.path()), Depth::True).unwrap_err().to_string();
    assert!(says("bare").contains("no look for `text.normal`"));
    assert!(says("a").contains("leads back here"));
    assert!(says("nightshade").contains("high-contrast"), "{}", says("nightshade"));
    assert!(says("../../etc/passwd").contains("there is none of this name"));
}
