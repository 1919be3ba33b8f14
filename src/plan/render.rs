//! Findings as people read them: the line, a caret, what is wrong and how to mend it.
//!
//! Owns the drawing (by `annotate-snippets`, as the compiler's own). The texts are foreign: control
//! characters and bidirectional marks are made visible; secrets that stand in a plan are covered. Refuses to know what is checked.

use std::borrow::Cow;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level as Title, Origin, Renderer, Snippet};

use super::diagnostic::{Diagnostic, Diagnostics, Level};
use super::source::{Place, Source, Sources, floor};

/// No more findings than this are drawn; a plan with so many is mended from the top.
const MOST: usize = 100;

/// Places further apart than this are drawn as two pieces of text.
const FAR_BYTES: u32 = 64 * 1024;

/// The code of a secret that stands in the plan.
pub(super) const SECRET: &str = "plain-secret";

/// How findings are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Lines and corners in ASCII.
    pub ascii: bool,
    /// With the colours of the terminal.
    pub colour: bool,
    /// Columns to keep to.
    pub width: usize,
}

impl Default for Style {
    fn default() -> Style {
        Style { ascii: true, colour: false, width: 120 }
    }
}

impl Diagnostics {
    /// Every finding with its line and caret, one empty line between two, then how many there are.
    pub fn render(&self, style: Style) -> String {
        let mut renderer = if style.colour { Renderer::styled() } else { Renderer::plain() };
        renderer = renderer.term_width(style.width).decor_style(if style.ascii {
            DecorStyle::Ascii
        } else {
            DecorStyle::Unicode
        });
        let mut out = String::new();
        let covered = self.covered();
        for diagnostic in self.list.iter().take(MOST) {
            out.push_str(&renderer.render(&[group(diagnostic, &covered)]));
            out.push_str("\n\n");
        }
        if let Some(more) = self.list.len().checked_sub(MOST).filter(|&n| n > 0) {
            out.push_str("… and ");
            out.push_str(&more.to_string());
            out.push_str(" more; mend these first\n\n");
        }
        out.push_str(&self.summary());
        out.push('\n');
        out
    }

    /// The texts as they may be shown: no secret that was found stands in them any more. Lengths stay, so that
    /// places do.
    fn covered(&self) -> Cow<'_, Sources> {
        let mut sources = Cow::Borrowed(&self.sources);
        for diagnostic in self.list.iter().filter(|d| d.code == SECRET) {
            sources.to_mut().cover(diagnostic.place);
        }
        sources
    }

    /// `2 errors, 1 warning`.
    pub fn summary(&self) -> String {
        let parts: Vec<String> = [Level::Error, Level::Warning, Level::Note]
            .into_iter()
            .map(|level| (level.word(), self.count(level)))
            .filter(|&(_, n)| n > 0)
            .map(|(word, n)| format!("{n} {word}{}", if n == 1 { "" } else { "s" }))
            .collect();
        if parts.is_empty() { "nothing found".to_owned() } else { parts.join(", ") }
    }
}

fn group<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Group<'a> {
    let level = match diagnostic.level {
        Level::Error => Title::ERROR,
        Level::Warning => Title::WARNING,
        Level::Note => Title::NOTE,
    };
    let mut group = Group::with_title(level.primary_title(diagnostic.message.as_str()).id(diagnostic.code));
    let mut places = vec![(diagnostic.place, diagnostic.label.as_str(), AnnotationKind::Primary)];
    places.extend(
        diagnostic.related.iter().map(|(place, label)| (*place, label.as_str(), AnnotationKind::Context)),
    );
    while let Some(&(first, _, _)) = places.first() {
        let near = |p: Place| p.file == first.file && p.start.abs_diff(first.start) < FAR_BYTES;
        let (here, elsewhere): (Vec<_>, Vec<_>) = places.into_iter().partition(|&(p, _, _)| near(p));
        places = elsewhere;
        let Some(source) = sources.get(first.file) else { continue };
        if source.text.is_empty() {
            group = group.element(Origin::path(printable(&source.name)));
        } else {
            group = group.element(snippet(source, &here));
        }
    }
    if diagnostic.help.is_empty() {
        group
    } else {
        group.element(Title::HELP.message(diagnostic.help.as_str()))
    }
}

/// A file's name as it may be printed: unlike texts, the renderer prints it as it is.
fn printable(name: &str) -> Cow<'_, str> {
    let harmless = |c: char| {
        !c.is_control()
            && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    if name.chars().all(harmless) {
        return name.into();
    }
    name.chars().map(|c| if harmless(c) { c.to_string() } else { c.escape_unicode().to_string() }).collect()
}

fn snippet<'a>(
    source: &'a Source,
    places: &[(Place, &'a str, AnnotationKind)],
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let text = source.text.as_str();
    // Only the lines that are needed: a snippet of a whole file costs as much as the file.
    let first = places.iter().map(|(p, _, _)| p.start as usize).min().unwrap_or(0);
    let last = places.iter().map(|(p, _, _)| p.end as usize).max().unwrap_or(0);
    let (first, last) = (floor(text, first), floor(text, last));
    let from = text.get(..first).and_then(|t| t.rfind('\n')).map_or(0, |at| at + 1);
    let to = text.get(last..).and_then(|t| t.find('\n')).map_or(text.len(), |at| last + at);
    let line = source.line(from);
    let mut snippet =
        Snippet::source(text.get(from..to).unwrap_or("")).path(printable(&source.name)).line_start(line);
    for (place, label, kind) in places {
        let start = floor(text, place.start as usize).max(from) - from;
        let end = floor(text, place.end as usize).max(from) - from;
        let label = (!label.is_empty()).then_some(*label);
        snippet = snippet.annotation(kind.span(start..end.max(start)).label(label));
    }
    snippet
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, span: std::ops::Range<usize>) -> Diagnostics {
        let mut sources = Sources::default();
        let file = sources.add("plan.toml", None, text.to_owned());
        let list = vec![
            Diagnostic::error("unknown-key", Place::new(file, span), "there is no key `widnow`")
                .label("not a key of [plan]")
                .help("did you mean `window`?"),
        ];
        Diagnostics { list, sources }
    }

    #[test]
    fn a_finding_has_line_caret_label_and_mend() {
        let text = "[plan]\nname = \"x\"\nwidnow = 1\n";
        insta::assert_snapshot!(found(text, 18..24).render(Style::default()), @r#"
        error[unknown-key]: there is no key `widnow`
         --> plan.toml:3:1
          |
        3 | widnow = 1
          | ^^^^^^ not a key of [plan]
          |
          = help: did you mean `window`?

        1 error
        "#);
    }

    #[test]
    fn a_secret_is_not_shown_again() {
        let mut found = found("url = \"http://u:höher@h\" # ö\n", 6..25);
        let other = Diagnostic::error("other", Place { start: 27, ..found.list[0].place }, "other");
        found.list[0].code = SECRET;
        found.list.push(other);
        let drawn = found.render(Style::default());
        assert!(
            !drawn.contains("höher") && drawn.contains("url = \"***") && drawn.contains("***\""),
            "{drawn}"
        );
    }

    #[test]
    fn places_outside_the_text_and_foreign_characters_do_no_harm() {
        let drawn = found("a = \"\u{1b}[2J\u{202e}\"", 900..1000).render(Style::default());
        assert!(!drawn.contains('\u{1b}') && !drawn.contains('\u{202e}'), "{drawn:?}");
        assert!(found("", 0..0).render(Style::default()).contains("plan.toml"));
    }
}
