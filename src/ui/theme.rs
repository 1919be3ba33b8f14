//! Themes: a look for every role, from TOML.
//!
//! Owns the format and how a theme is found: built in, or a file of the user's. Refuses to know where
//! a role is used. The roles are in `roles`, the colours in `themes/*.toml`, what becomes of them on
//! lesser terminals in `colour`.
//!
//! ```toml
//! inherits = "dark"                 # another theme, of the user's or built in
//! [palette]
//! amber = "#e3ac45"
//! [level]
//! caution = { fg = "amber", modifiers = ["bold"] }
//! advisory = "light-cyan"           # short for { fg = "light-cyan" }
//! ```
//!
//! A colour is a name of the palette, `#rrggbb`, one of the terminal's sixteen by name, or `terminal`:
//! whatever the terminal has. A palette may say which of the sixteen stands in where there are no
//! more, `amber = ["#e3ac45", "yellow"]`; else it is the nearest. A theme that inherits may use and
//! change the palette of its parent.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use ratatui::style::{Color, Modifier, Style};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::colour::{self, Depth};
use super::place::{Place, nearest_name};
pub use super::roles::Role;

/// The themes that are built in: adding one is a line here and a file.
const BUILT_IN: [(&str, &str); 5] = [
    ("dark", include_str!("../../themes/dark.toml")),
    ("light", include_str!("../../themes/light.toml")),
    ("high-contrast", include_str!("../../themes/high-contrast.toml")),
    ("colour-blind", include_str!("../../themes/colour-blind.toml")),
    ("monochrome", include_str!("../../themes/monochrome.toml")),
];

const MODIFIERS: [(&str, Modifier); 5] = [
    ("bold", Modifier::BOLD),
    ("dim", Modifier::DIM),
    ("italic", Modifier::ITALIC),
    ("underlined", Modifier::UNDERLINED),
    ("reversed", Modifier::REVERSED),
];

/// A theme may inherit from one that inherits; more often than this is a circle.
const GENERATIONS: usize = 8;

/// A look for every role, in the colours that the terminal has.
#[derive(Clone, Debug, PartialEq)]
pub struct Theme {
    styles: Vec<Style>,
}

/// What is wrong with a theme, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThemeError {
    /// The theme's file, or its name if it is built in.
    pub theme: String,
    /// Where in it.
    pub at: Option<Place>,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl fmt::Display for ThemeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "theme {}", super::safe::line(&self.theme))?;
        if let Some(at) = self.at {
            write!(f, ":{at}")?;
        }
        write!(f, ": {}", super::safe::line(&self.what))
    }
}

impl std::error::Error for ThemeError {}

impl Theme {
    /// The theme called `name`: a file in `folder` (`$XDG_CONFIG_HOME/cutover/themes`) or built in.
    /// Without colours it is always the monochrome one, since other themes tell by colour what that
    /// one tells by weight.
    pub fn load(name: &str, folder: Option<&Path>, depth: Depth) -> Result<Self, ThemeError> {
        let name = if depth == Depth::None { "monochrome" } else { name };
        let mut loader = Loader { folder, looks: BTreeMap::new(), palette: BTreeMap::new() };
        loader.load(name, true, GENERATIONS)?;
        let mut styles = Vec::with_capacity(Role::ALL.len());
        for role in Role::ALL {
            let look = loader.looks.get(role.name()).ok_or_else(|| ThemeError {
                theme: name.to_owned(),
                at: None,
                what: format!(
                    "no look for `{}` ({}); give it one, or inherit from a theme that has",
                    role.name(),
                    role.what().trim_end_matches('.')
                ),
            })?;
            styles.push(loader.style(look, depth)?);
        }
        Ok(Self { styles })
    }

    /// A theme that is built in; the dark one if none is called so.
    pub fn built_in(name: &str, depth: Depth) -> Self {
        let name = BUILT_IN.iter().find(|(n, _)| *n == name).map_or("dark", |(n, _)| n);
        // That these load is a test; a plain screen is still better than none.
        Self::load(name, None, depth).unwrap_or_else(|_| Self { styles: Vec::new() })
    }

    /// The look of a role.
    pub fn style(&self, role: Role) -> Style {
        self.styles.get(role as usize).copied().unwrap_or_default()
    }
}

/// The names of the themes there are: built in, then the user's.
pub fn names(folder: Option<&Path>) -> Vec<String> {
    let mut names: Vec<String> = BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).collect();
    let files = folder.and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let mut own: Vec<String> = files
        .filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".toml")?.to_owned()))
        .filter(|name| !names.contains(name))
        .collect();
    own.sort();
    names.append(&mut own);
    names
}

/// What a theme says of a role, with where it says so.
#[derive(Clone)]
struct LookOf {
    source: Source,
    fg: Option<(String, Range<usize>)>,
    bg: Option<(String, Range<usize>)>,
    modifiers: Modifier,
}

#[derive(Clone)]
struct Source {
    name: String,
    text: std::rc::Rc<str>,
}

impl Source {
    fn error(&self, span: &Range<usize>, what: String) -> ThemeError {
        ThemeError { theme: self.name.clone(), at: Some(Place::of(&self.text, span.start)), what }
    }
}

/// A colour, and which of the sixteen stands in for it if the nearest is not meant.
#[derive(Clone, Copy)]
struct Paint {
    colour: Color,
    of_sixteen: Option<Color>,
}

impl Paint {
    fn at(self, depth: Depth) -> Color {
        match self.of_sixteen {
            Some(named) if depth == Depth::Sixteen => named,
            _ => depth.nearest(self.colour),
        }
    }
}

struct Loader<'a> {
    folder: Option<&'a Path>,
    looks: BTreeMap<&'static str, LookOf>,
    palette: BTreeMap<String, Paint>,
}

impl Loader<'_> {
    fn load(&mut self, name: &str, own: bool, generations: usize) -> Result<(), ThemeError> {
        let source = self.find(name, own)?;
        let text = std::rc::Rc::clone(&source.text);
        let table = DeTable::parse(&text).map_err(|e| ThemeError {
            theme: source.name.clone(),
            at: e.span().map(|span| Place::of(&text, span.start)),
            what: e.message().to_owned(),
        })?;
        let table = table.into_inner();
        if let Some(parent) = table.get("inherits") {
            let parent_name = string(&source, parent, "the name of a theme")?;
            if generations == 0 {
                return Err(source.error(&parent.span(), format!("`{parent_name}` leads back here")));
            }
            // A user's `dark` that inherits from `dark` means the built-in one.
            self.load(parent_name, parent_name != name, generations - 1)?;
        }
        if let Some(palette) = table.get("palette") {
            for (name, value) in tables(&source, palette)? {
                let paint = self.paint(&source, value)?;
                self.palette.insert(name.get_ref().to_string(), paint);
            }
        }
        for (key, value) in &table {
            if !matches!(key.get_ref().as_ref(), "inherits" | "palette") {
                self.role(&source, key.get_ref(), &key.span(), value)?;
            }
        }
        Ok(())
    }

    fn find(&self, name: &str, own: bool) -> Result<Source, ThemeError> {
        let folder = self.folder.filter(|_| own && is_a_name(name));
        let own = folder.map(|folder| folder.join(format!("{name}.toml")));
        let built_in = BUILT_IN.iter().find(|(n, _)| *n == name);
        match (own.as_deref().map(std::fs::read_to_string), built_in) {
            (Some(Ok(text)), _) => {
                let path = own.unwrap_or_default();
                Ok(Source { name: path.display().to_string(), text: text.into() })
            }
            (Some(Err(e)), None) if e.kind() != std::io::ErrorKind::NotFound => Err(ThemeError {
                theme: own.unwrap_or_default().display().to_string(),
                at: None,
                what: format!("cannot be read: {e}"),
            }),
            (_, Some((name, text))) => Ok(Source { name: (*name).to_owned(), text: (*text).into() }),
            (_, None) => Err(ThemeError {
                theme: name.to_owned(),
                at: None,
                what: format!("there is none of this name; there are {}", names(self.folder).join(", ")),
            }),
        }
    }

    /// `path` is a role, or the beginning of some.
    fn role(
        &mut self,
        source: &Source,
        path: &str,
        span: &Range<usize>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), ThemeError> {
        if let Some(role) = Role::ALL.iter().find(|role| role.name() == path) {
            self.looks.insert(role.name(), look(source, value)?);
            return Ok(());
        }
        let group = format!("{path}.");
        if !Role::ALL.iter().any(|role| role.name().starts_with(&group)) {
            let nearest = nearest_name(path, Role::ALL.iter().map(|role| role.name()));
            let hint = nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
            return Err(source.error(span, format!("there is no role `{path}`{hint}")));
        }
        for (key, value) in tables(source, value)? {
            self.role(source, &format!("{group}{}", key.get_ref()), &key.span(), value)?;
        }
        Ok(())
    }

    /// Colours are looked up when all is read, so that a child's palette recolours its parent's roles.
    fn style(&self, look: &LookOf, depth: Depth) -> Result<Style, ThemeError> {
        let mut style = Style::new().add_modifier(look.modifiers);
        for (colour, set) in [(&look.fg, Style::fg as fn(Style, Color) -> Style), (&look.bg, Style::bg)] {
            if let Some((name, span)) = colour {
                let found = self.colour(name).ok_or_else(|| look.source.error(span, no_colour(name)))?;
                style = set(style, found.at(depth));
            }
        }
        Ok(style)
    }

    /// What a palette says of a name: a colour, or a colour and one of the sixteen.
    fn paint(&self, source: &Source, value: &Spanned<DeValue<'_>>) -> Result<Paint, ThemeError> {
        let colour = |value: &Spanned<DeValue<'_>>| {
            let name = string(source, value, "a colour")?;
            self.colour(name).ok_or_else(|| source.error(&value.span(), no_colour(name)))
        };
        match value.get_ref().as_array().map(|list| list.iter().collect::<Vec<_>>()).as_deref() {
            None => colour(value),
            Some([full, named]) => Ok(Paint { of_sixteen: Some(colour(named)?.colour), ..colour(full)? }),
            Some(_) => {
                let what = "two belong here: a colour, and one of the sixteen to stand in for it";
                Err(source.error(&value.span(), what.to_owned()))
            }
        }
    }

    fn colour(&self, name: &str) -> Option<Paint> {
        let plain = |colour| Paint { colour, of_sixteen: None };
        if let Some(digits) = name.strip_prefix('#') {
            let number = u32::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 6)?;
            let [_, r, g, b] = number.to_be_bytes();
            return Some(plain(Color::Rgb(r, g, b)));
        }
        if name == "terminal" {
            return Some(plain(Color::Reset));
        }
        self.palette.get(name).copied().or_else(|| colour::named(name).map(plain))
    }
}

/// Names come from the configuration and become file names.
fn is_a_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

fn no_colour(name: &str) -> String {
    format!(
        "`{name}` is no colour: write #rrggbb, a name of the palette, `terminal`, or one of the sixteen \
         such as `light-red`"
    )
}

fn look(source: &Source, value: &Spanned<DeValue<'_>>) -> Result<LookOf, ThemeError> {
    let mut look = LookOf { source: source.clone(), fg: None, bg: None, modifiers: Modifier::empty() };
    if let DeValue::String(name) = value.get_ref() {
        look.fg = Some((name.to_string(), value.span()));
        return Ok(look);
    }
    for (key, value) in tables(source, value)? {
        match key.get_ref().as_ref() {
            "fg" => look.fg = Some((string(source, value, "a colour")?.to_owned(), value.span())),
            "bg" => look.bg = Some((string(source, value, "a colour")?.to_owned(), value.span())),
            "modifiers" => {
                let list = value.get_ref().as_array().ok_or_else(|| {
                    source.error(&value.span(), "modifiers are a list, such as [\"bold\"]".to_owned())
                })?;
                for item in list {
                    let name = string(source, item, "a modifier")?;
                    let found = MODIFIERS.iter().find(|(n, _)| *n == name).ok_or_else(|| {
                        let there = MODIFIERS.map(|(n, _)| n).join(", ");
                        source.error(&item.span(), format!("`{name}` is no modifier; there are {there}"))
                    })?;
                    look.modifiers |= found.1;
                }
            }
            other => {
                let what = format!("a look has fg, bg and modifiers, and no `{other}`");
                return Err(source.error(&key.span(), what));
            }
        }
    }
    Ok(look)
}

fn tables<'t, 'i>(source: &Source, value: &'t Spanned<DeValue<'i>>) -> Result<&'t DeTable<'i>, ThemeError> {
    value.get_ref().as_table().ok_or_else(|| {
        source.error(&value.span(), format!("a table belongs here, not {}", value.get_ref().type_str()))
    })
}

fn string<'t>(source: &Source, value: &'t Spanned<DeValue<'_>>, what: &str) -> Result<&'t str, ThemeError> {
    value.get_ref().as_str().ok_or_else(|| {
        source.error(
            &value.span(),
            format!("{what} belongs here, in quotes, not {}", value.get_ref().type_str()),
        )
    })
}

/// Where a user's themes are: `$XDG_CONFIG_HOME/cutover/themes`.
pub fn user_folder(config_home: &Path) -> PathBuf {
    config_home.join("cutover").join("themes")
}

#[cfg(test)]
mod tests;
