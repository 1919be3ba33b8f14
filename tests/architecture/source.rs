//! Rust sources, read as far as the rules need: which paths a file names, without what stands in
//! comments, strings and tests.
//!
//! A reader of text and no compiler: names made by macros are not seen, and need not be.

use std::path::Path;

/// A source file.
pub(crate) struct File {
    /// Its path below `src`.
    pub(crate) name: String,
    /// The modules it is in, from the top; empty for `lib.rs` and `main.rs`.
    pub(crate) module: Vec<String>,
    /// All of it.
    pub(crate) raw: String,
    /// Lines before its tests.
    pub(crate) lines: usize,
    /// It is compiled for tests only.
    pub(crate) is_test: bool,
    code: String,
}

/// A path that a file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Import {
    /// Behind its root.
    pub(crate) path: Vec<String>,
    /// What it is called here; `*` for a glob.
    pub(crate) name: String,
    pub(crate) line: usize,
    /// `pub use`.
    pub(crate) re_export: bool,
}

/// All files below a folder, in order.
pub(crate) fn read(folder: &Path) -> Vec<File> {
    let mut files = Vec::new();
    collect(folder, folder, &mut files);
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let gated: Vec<Vec<String>> = files.iter().flat_map(File::modules_for_tests).collect();
    for file in &mut files {
        if gated.iter().any(|module| file.module.starts_with(module)) {
            file.is_test = true;
            file.code.clear();
        }
    }
    files
}

fn collect(top: &Path, folder: &Path, files: &mut Vec<File>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(top, &path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let name = path.strip_prefix(top).expect("below it").to_str().expect("a plain name").to_owned();
            files.push(File::parse(name, std::fs::read_to_string(&path).expect("a source file")));
        }
    }
}

impl File {
    pub(crate) fn parse(name: String, raw: String) -> Self {
        let stem = name.trim_end_matches(".rs").trim_end_matches("/mod");
        let module = match stem {
            "lib" | "main" => Vec::new(),
            stem => stem.split('/').map(str::to_owned).collect(),
        };
        let code = without_tests(&without_text(&raw));
        let lines = raw.lines().position(|line| line.trim() == "#[cfg(test)]").unwrap_or(raw.lines().count());
        Self { name, module, raw, lines, is_test: false, code }
    }

    /// Every path that begins with `root::`, trees taken apart.
    pub(crate) fn imports(&self, root: &str) -> Vec<Import> {
        let start = format!("{root}::");
        let mut found = Vec::new();
        for (at, _) in self.code.match_indices(&start) {
            let before = &self.code[..at];
            if before.ends_with(|c: char| c.is_alphanumeric() || c == '_') || before.ends_with("::") {
                continue;
            }
            let statement = before.rsplit([';', '{', '}']).next().unwrap_or_default().trim();
            let re_export = statement.ends_with("use") && statement.contains("pub");
            let line = before.matches('\n').count() + 1;
            let mut tree = Tree { rest: &self.code[at + start.len()..], found: Vec::new() };
            tree.take(&[]);
            found.extend(tree.found.into_iter().map(|(path, name)| Import { path, name, line, re_export }));
        }
        found
    }

    /// How many times `super::` stands in a row, and where.
    pub(crate) fn supers(&self) -> Vec<(usize, usize)> {
        let starts =
            self.code.match_indices("super::").filter(|(at, _)| !self.code[..*at].ends_with("super::"));
        starts
            .map(|(at, _)| {
                let chain =
                    self.code[at..].split("super::").skip(1).take_while(|rest| rest.is_empty()).count() + 1;
                (chain, self.code[..at].matches('\n').count() + 1)
            })
            .collect()
    }

    /// Lines of the code in which a word stands by itself.
    pub(crate) fn lines_with<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        self.code
            .match_indices(word)
            .filter(move |(at, _)| {
                !part(self.code[..*at].chars().last()) && !part(self.code[at + word.len()..].chars().next())
            })
            .map(|(at, _)| self.code[..at].matches('\n').count() + 1)
    }

    /// `#[cfg(test)] mod name;`: the modules that are compiled for tests only.
    fn modules_for_tests(&self) -> Vec<Vec<String>> {
        let code = without_text(&self.raw);
        let mut found = Vec::new();
        for (at, gate) in code.match_indices("#[cfg(test)]") {
            let rest = code[at + gate.len()..].trim_start();
            let declared = rest.split([';', '{']).next().unwrap_or_default();
            if let Some((_, name)) = declared.rsplit_once("mod ") {
                found.push([self.module.as_slice(), &[name.trim().to_owned()]].concat());
            }
        }
        found
    }
}

/// `a::{b, c::D as E, *}`.
struct Tree<'a> {
    rest: &'a str,
    found: Vec<(Vec<String>, String)>,
}

impl Tree<'_> {
    fn take(&mut self, above: &[String]) {
        let mut path = above.to_vec();
        loop {
            self.rest = self.rest.trim_start();
            if let Some(inside) = self.rest.strip_prefix('{') {
                self.rest = inside;
                return self.take_list(&path);
            }
            if let Some(rest) = self.rest.strip_prefix('*') {
                self.rest = rest;
                return self.found.push((path, "*".to_owned()));
            }
            let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
            let (name, rest) = self.rest.split_at(end);
            self.rest = rest;
            if name.is_empty() {
                return;
            }
            path.push(name.to_owned());
            if let Some(rest) = self.rest.strip_prefix("::") {
                self.rest = rest;
                continue;
            }
            let mut called = name;
            if let Some(alias) = self.rest.trim_start().strip_prefix("as ") {
                let end = alias.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(alias.len());
                (called, self.rest) = alias.split_at(end);
            }
            return self.found.push((path, called.to_owned()));
        }
    }

    fn take_list(&mut self, above: &[String]) {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\n', '\t', ',']);
            if let Some(rest) = self.rest.strip_prefix('}') {
                self.rest = rest;
                return;
            }
            let before = self.rest.len();
            self.take(above);
            if self.rest.len() == before {
                return;
            }
        }
    }
}

/// The code with blanks in place of comments, strings and characters; lines stay where they are.
fn without_text(raw: &str) -> String {
    let mut code = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(c) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(end) =
            raw_string(rest).filter(|_| !code.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        {
            end
        } else if c == '"' {
            string(rest)
        } else if c == '\'' {
            character(rest)
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        let (gone, after) = rest.split_at(length);
        code.extend(gone.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = after;
    }
    code
}

/// The length of `r"…"`, `r#"…"#`, with or without `b` before.
fn raw_string(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('b').unwrap_or(rest).strip_prefix('r')?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    let inside = body[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = inside.find(&close).map_or(inside.len(), |end| end + close.len());
    Some(rest.len() - inside.len() + end)
}

fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of `'x'`, or 1 where the quote begins a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => rest[2..].find('\'').map_or(1, |end| if end == 0 { 4 } else { end + 3 }),
        Some(_) => chars.next().filter(|(_, c)| *c == '\'').map_or(1, |(at, _)| at + 1),
        None => 1,
    }
}

/// The code without what is compiled for tests only.
fn without_tests(code: &str) -> String {
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        let (before, gated) = rest.split_at(at);
        kept.push_str(before);
        let (gone, after) = gated.split_at(item(gated));
        kept.extend(gone.chars().filter(|c| *c == '\n'));
        rest = after;
    }
    kept + rest
}

/// The length of an item, up to its `;` or its closing brace.
fn item(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            ';' if depth == 0 => return at + 1,
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

#[test]
fn paths_are_found_in_code_and_nowhere_else() {
    let text = r##"
        //! crate::comment::A
        use crate::plan::{Plan, model::{Step as S, *}};
        pub(crate) use crate::engine::State;
        /* crate::comment::B */
        fn f<'a>(x: &'a str) -> char { let _ = "crate::string::C"; let _ = r#"crate::"raw"::D"#; '"' }
        fn g() { crate::ui::go('\'', "\"crate::string::E"); xcrate::no(); }
        #[cfg(test)]
        mod tests { use crate::tests::F; fn h() { } }
        fn after() { crate::clock::now() }
    "##;
    let file = File::parse("a/b.rs".into(), text.into());
    let found: Vec<String> =
        file.imports("crate").iter().map(|i| format!("{} as {}", i.path.join("::"), i.name)).collect();
    assert_eq!(
        found,
        [
            "plan::Plan as Plan",
            "plan::model::Step as S",
            "plan::model as *",
            "engine::State as State",
            "ui::go as go",
            "clock::now as now",
        ]
    );
    let exported: Vec<bool> = file.imports("crate").iter().map(|i| i.re_export).collect();
    assert_eq!(exported, [false, false, false, true, false, false]);
    assert_eq!(file.module, ["a", "b"]);
    assert_eq!(file.imports("crate").last().map(|i| i.line), Some(10));
}

#[test]
fn supers_are_counted_in_a_row() {
    let text = "use super::a;\nuse super::super::b;\nuse super::{super::c};";
    assert_eq!(File::parse("a/b.rs".into(), text.into()).supers(), [(1, 1), (2, 2), (1, 3), (1, 3)]);
}

#[test]
fn words_stand_by_themselves() {
    let file = File::parse("a.rs".into(), "unsafe_code\nunsafe {}\n// unsafe\n".into());
    assert_eq!(file.lines_with("unsafe").collect::<Vec<_>>(), [2]);
}
