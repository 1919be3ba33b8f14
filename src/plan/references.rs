//! Where `${…}` stand in a text, and what is said of one that names nothing.

use super::names;

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
