//! Where `${…}` stand in a text, and what is said of one that names nothing.

use super::grammar::Names;
use super::names;
use super::secret::Part;

/// A piece of a text.
pub(super) enum Piece<'t> {
    Text(&'t str),
    /// What stands between `${` and `}`.
    Reference(&'t str),
    /// A `${` that is never closed.
    Open,
}

/// Whether a text holds any.
pub(super) fn has_reference(text: &str) -> bool {
    pieces(text).iter().any(|p| !matches!(p, Piece::Text(_)))
}

/// A text piece by piece.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            out.push(Piece::Text(before));
            out.push(Piece::Text("${"));
            rest = after;
            continue;
        }
        out.push(Piece::Text(before));
        let Some((name, next)) = after.split_once('}') else {
            out.push(Piece::Open);
            return out;
        };
        out.push(Piece::Reference(name));
        rest = next;
    }
    out.push(Piece::Text(rest));
    out
}

/// What a text holds of the environment, of files and of earlier requests.
pub(super) fn from_outside(text: &str) -> Vec<Part> {
    let references = pieces(text).into_iter().filter_map(|piece| match piece {
        Piece::Reference(name) => Some(name.trim()),
        Piece::Text(_) | Piece::Open => None,
    });
    let part = |name: &str| match name.split_once(':')? {
        ("env", name) if Names::Environment.fits(name) => Some(Part::Env(name.to_owned())),
        ("file", path) if !path.is_empty() => Some(Part::File(path.into())),
        ("kept", name) if Names::Variables.fits(name) => Some(Part::Kept(name.to_owned())),
        _ => None,
    };
    references.filter_map(part).collect()
}

/// What to do about a variable that is not there. `secret`: what stands there may be the environment's.
pub(super) fn unknown<'a>(name: &str, known: impl IntoIterator<Item = &'a str>, secret: bool) -> String {
    if let Some(near) = names::nearest(name, known) {
        return format!("did you mean `{near}`?");
    }
    let loud = name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    let environment = if loud && secret {
        format!("write ${{env:{name}}} for the environment, or ")
    } else {
        String::new()
    };
    let own = name.to_ascii_lowercase();
    let used = if own == name { String::new() } else { format!(" and write ${{{own}}}") };
    format!("{environment}write $${{{name}}} to leave it as it stands, or add {own} = \"…\" to [vars]{used}")
}
