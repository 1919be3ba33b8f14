//! Names, texts and words as they stand in SQL.
//!
//! Owns quoting, and a reader of words that knows strings and comments: enough to tell what kind of statement a person
//! wrote, and to show what a session runs without the values in it. Refuses to parse any more than that.

/// The database in which our own tables are. Nothing in it is compared, watched or counted as a write.
pub(super) const OURS: &str = "cutover";

/// Databases that are the server's own, as a list for `in (…)`.
pub(super) const SYSTEM: &str = "'mysql', 'information_schema', 'performance_schema', 'sys', 'cutover'";

/// A name as it stands in SQL, whatever characters it has.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text as it stands in SQL. Sessions of ours have no `ANSI_QUOTES` and no `NO_BACKSLASH_ESCAPES`.
pub(super) fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for c in text.chars() {
        match c {
            '\'' => out.push_str("''"),
            '\\' => out.push_str("\\\\"),
            '\0' => out.push_str("\\0"),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// A piece of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A bare word or a number, in lower case.
    Word(String),
    /// A name in backticks.
    Name(String),
    /// A text in quotes; its value is left out.
    Text,
    /// Any other character.
    Sign(char),
    /// A comment that the server runs: `/*! … */`, `/*M! … */`.
    Hidden,
}

/// The pieces of a text, comments left out.
pub(super) fn pieces(sql: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut rest = sql.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            c if c.is_whitespace() => {}
            '\'' | '"' => {
                within(&mut rest, c, true);
                found.push(Piece::Text);
            }
            '`' => found.push(Piece::Name(within(&mut rest, '`', false))),
            '#' => while rest.next_if(|c| *c != '\n').is_some() {},
            '-' if rest.peek() == Some(&'-') => while rest.next_if(|c| *c != '\n').is_some() {},
            '/' if rest.next_if_eq(&'*').is_some() => {
                let mut body = String::new();
                while let Some(c) = rest.next() {
                    if c == '*' && rest.next_if_eq(&'/').is_some() {
                        break;
                    }
                    body.push(c);
                }
                if body.starts_with('!') || body.starts_with("M!") {
                    found.push(Piece::Hidden);
                }
            }
            c if c.is_alphanumeric() || c == '_' || c == '$' || c == '@' => {
                let mut word = c.to_lowercase().collect::<String>();
                while let Some(c) = rest.next_if(|c| c.is_alphanumeric() || "_$@".contains(*c)) {
                    word.extend(c.to_lowercase());
                }
                found.push(Piece::Word(word));
            }
            c => found.push(Piece::Sign(c)),
        }
    }
    found
}

/// What stands until a closing quote; a doubled quote is one of the text.
fn within(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, quote: char, escapes: bool) -> String {
    let mut text = String::new();
    while let Some(c) = rest.next() {
        if c == quote && rest.next_if_eq(&quote).is_none() {
            break;
        }
        text.push(c);
        if c == '\\' && escapes {
            text.extend(rest.next());
        }
    }
    text
}

/// The first word of each statement in a text.
pub(super) fn first_words(sql: &str) -> Vec<String> {
    let pieces = pieces(sql);
    let statements = pieces.split(|piece| *piece == Piece::Sign(';'));
    statements
        .filter_map(|statement| {
            statement.iter().find_map(|piece| match piece {
                Piece::Word(word) => Some(word.clone()),
                Piece::Hidden => Some("/*!".to_owned()),
                Piece::Sign('(') => None,
                Piece::Name(_) | Piece::Text | Piece::Sign(_) => Some(String::new()),
            })
        })
        .collect()
}

/// A statement in a few words without its values.
pub(super) fn without_values(sql: &str) -> String {
    let mut out = String::new();
    for piece in pieces(sql).into_iter().take(24) {
        let word = match piece {
            Piece::Word(word) if word.starts_with(|c: char| c.is_ascii_digit()) => "?".to_owned(),
            Piece::Word(word) | Piece::Name(word) => word,
            Piece::Text => "?".to_owned(),
            Piece::Hidden => "/*!*/".to_owned(),
            Piece::Sign(sign) => {
                let close = matches!(sign, '.' | ',' | ')' | ';');
                if close || sign == '(' {
                    while close && out.ends_with(' ') {
                        out.pop();
                    }
                    out.push(sign);
                    if sign == ',' {
                        out.push(' ');
                    }
                    continue;
                }
                sign.to_string()
            }
        };
        if !out.is_empty() && !out.ends_with(['.', '(', ' ']) {
            out.push(' ');
        }
        out.push_str(&word);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_stay_inside() {
        assert_eq!(quoted("a`b"), "`a``b`");
        assert_eq!(literal(r"it's \"), r"'it''s \\'");
    }

    #[test]
    fn the_first_word_is_found_behind_comments_and_brackets() {
        assert_eq!(
            first_words("-- no\n/* no */ (Select 1); # x\ninsert into t values (';')"),
            ["select", "insert"]
        );
        assert_eq!(first_words("/*!50000 set global x = 1 */"), ["/*!"]);
        assert_eq!(first_words("  "), Vec::<String>::new());
    }

    #[test]
    fn what_a_session_runs_is_shown_without_values() {
        let shown = without_values("UPDATE shop.`orders` SET name='O\\'Neil', n = 17 WHERE id in (1,2)");
        assert_eq!(shown, "update shop.orders set name = ?, n = ? where id in(?, ?)");
    }
}
