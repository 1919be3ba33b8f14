//! The layering and the invariants that a search through the sources can see.
//!
//! Who may import whom is a table, [`LAYERS`]; so is everything else that is allowed, so that a change
//! of the architecture is a change here, on purpose, with its reason. A failure says the file, the line
//! and what to do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "tests"
)]

#[path = "architecture/source.rs"]
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use source::{File, Import};

/// Each module at the top with what it may import of ours, besides itself and `clock`, which is open
/// to all. `a::b` allows that part only.
const LAYERS: [(&str, &[&str]); 18] = [
    ("clock", &[]),
    // How a count is written stands below everything that writes one.
    ("counts", &[]),
    // How a file is kept stands below everything that keeps one.
    ("files", &[]),
    ("plan", &[]),
    ("process", &[]),
    ("engine", &["plan"]),
    ("journal", &["engine", "plan"]),
    ("databases", &["plan"]),
    ("adapters", &["plan", "process"]),
    // A tree on another host is read by this program there, over ssh.
    ("compare", &["databases", "process"]),
    ("probes", &["databases", "compare", "adapters", "process", "plan", "engine"]),
    ("tasks", &["probes", "compare", "databases", "adapters", "process", "engine", "plan"]),
    // It keeps the run's own copy of the plan, and reads it back when the run is resumed.
    ("session", &["journal", "tasks", "process", "engine", "plan"]),
    ("ui", &["plan", "engine"]),
    // What is measured and who is who stands in the plan.
    ("panes", &["ui", "engine", "plan", "journal::record"]),
    ("report", &["engine", "journal::record", "plan"]),
    ("demo", &["process", "databases"]),
    // The only place that joins what runs with what is seen.
    (
        "cli",
        &[
            "plan",
            "process",
            "engine",
            "journal",
            "databases",
            "adapters",
            "compare",
            "probes",
            "tasks",
            "session",
            "ui",
            "panes",
            "report",
            "demo",
        ],
    ),
];

/// What every layer may import.
const OPEN: [&str; 3] = ["clock", "counts", "files"];

/// What layers that are folds over facts may not touch: they are run in tests, in replays, and on
/// clocks that are not the machine's.
const PURE: [(&str, &[&str]); 3] = [
    (
        "engine",
        &[
            "tokio",
            "ratatui",
            "rustix",
            "std::fs",
            "std::net",
            "std::env",
            "std::thread",
            "std::process",
            "std::time::Instant",
            "std::time::SystemTime",
        ],
    ),
    (
        "panes",
        &["tokio", "rustix", "std::fs", "std::net", "std::thread", "std::process", "std::time::SystemTime"],
    ),
    ("report", &["tokio", "ratatui", "rustix", "std::net", "std::thread", "std::process"]),
];

/// Only read by those who look.
const DECIDES: &str = "engine::decide";
const LOOKS: [&str; 3] = ["ui", "panes", "report"];

/// How the time of day is read.
const CLOCKS: [&str; 5] = ["Utc::now", "Local::now", "SystemTime::now", "clock_gettime", "gettimeofday"];

/// A file may have so many lines before its tests.
const LINES: usize = 400;

/// Files that are one table, where a cut would part what belongs together.
const TABLES: [(&str, &str); 2] =
    [("engine/event.rs", "every event"), ("engine/apply.rs", "what every event does to the state")];

/// What may lie at the top of the repository, besides files that begin with a dot.
const TOP: [&str; 11] = [
    "Cargo.toml",
    "Cargo.lock",
    "LICENSE",
    "README.md",
    "src",
    "tests",
    "themes",
    "sample-plans",
    "benches",
    "fuzz",
    "target",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files() -> Vec<File> {
    source::read(&root().join("src"))
}

/// Fails with everything that is wrong, not only the first of it.
fn none(wrong: &[String], rule: &str) {
    assert!(wrong.is_empty(), "{rule}\n\n{}\n", wrong.join("\n"));
}

#[test]
fn every_module_imports_only_what_its_layer_may() {
    let files = files();
    let exports = re_exports(&files);
    let mut wrong = Vec::new();
    for file in files.iter().filter(|file| !file.module.is_empty()) {
        let from = file.module[0].as_str();
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == from) else { continue };
        for Import { path, line, .. } in file.imports("crate") {
            let mut reached = vec![path.join("::")];
            // What another module hands on under its own name is still whose it was.
            reached.extend(
                path.iter().skip(1).filter_map(|name| exports.get(&(path[0].clone(), name.clone()))).cloned(),
            );
            for path in reached {
                let to = path.split("::").next().unwrap_or_default();
                let open =
                    to == from || OPEN.contains(&to) || allowed.iter().any(|part| starts_with(&path, part));
                if !open {
                    wrong.push(format!(
                        "{}:{line}: `{from}` imports `{path}`; it may import {}",
                        file.name,
                        if allowed.is_empty() {
                            "only `clock` and `counts`".to_owned()
                        } else {
                            allowed.join(", ")
                        }
                    ));
                }
            }
        }
    }
    none(
        &wrong,
        "An import goes against the layers. Move the code, pass the value in, or change LAYERS with a reason.",
    );
}

/// What modules hand on of others: who, under which name, from where.
fn re_exports(files: &[File]) -> BTreeMap<(String, String), String> {
    let mut exports = BTreeMap::new();
    for file in files.iter().filter(|file| !file.module.is_empty()) {
        for import in file.imports("crate").into_iter().filter(|i| i.re_export && i.path[0] != file.module[0])
        {
            exports.insert((file.module[0].clone(), import.name.clone()), import.path.join("::"));
        }
    }
    exports
}

fn starts_with(path: &str, part: &str) -> bool {
    path.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[test]
fn re_exports_across_layers_name_what_they_hand_on() {
    let mut wrong = Vec::new();
    for file in files().iter().filter(|file| !file.module.is_empty()) {
        for import in file.imports("crate") {
            if import.re_export && import.name == "*" && import.path[0] != file.module[0] {
                wrong.push(format!(
                    "{}:{}: `pub use crate::{}::*`",
                    file.name,
                    import.line,
                    import.path.join("::")
                ));
            }
        }
    }
    none(&wrong, "A glob hides which layer a name belongs to: name what is handed on.");
}

#[test]
fn paths_that_leave_a_module_begin_with_crate() {
    let mut wrong = Vec::new();
    for file in files() {
        for (ups, line) in file.supers() {
            if ups >= file.module.len() {
                wrong.push(format!(
                    "{}:{line}: {ups} times `super::` leads out of `{}`",
                    file.name, file.module[0]
                ));
            }
        }
    }
    none(&wrong, "Only paths that begin with `crate::` may lead to another module at the top.");
}

#[test]
fn every_module_at_the_top_has_a_layer() {
    let known: BTreeSet<&str> = LAYERS.iter().map(|(name, _)| *name).collect();
    let there: BTreeSet<String> = files().into_iter().filter_map(|f| f.module.into_iter().next()).collect();
    let unknown: Vec<String> = there.into_iter().filter(|name| !known.contains(name.as_str())).collect();
    none(&unknown, "These modules have no row in LAYERS: say what they may import.");
}

#[test]
fn main_hands_over_to_cli_and_does_nothing_else() {
    let files = files();
    let main = files.iter().find(|file| file.name == "main.rs").expect("src/main.rs");
    let imports = main.imports("cutover").into_iter().filter(|i| i.path[0] != "cli");
    let wrong: Vec<String> = imports.map(|i| format!("main.rs:{}: {}", i.line, i.path.join("::"))).collect();
    none(&wrong, "`main` knows only `cli`.");
}

#[test]
fn pure_layers_touch_nothing_of_the_machine() {
    let mut wrong = Vec::new();
    for file in files().iter().filter(|file| !file.module.is_empty()) {
        let Some((layer, forbidden)) = PURE.iter().find(|(name, _)| *name == file.module[0]) else {
            continue;
        };
        for name in *forbidden {
            let (first, rest) = name.split_once("::").unwrap_or((name, ""));
            for import in file.imports(first) {
                if rest.is_empty() || starts_with(&import.path.join("::"), rest) {
                    wrong.push(format!("{}:{}: `{layer}` uses `{name}`", file.name, import.line));
                }
            }
        }
    }
    none(&wrong, "These layers are folds over what they are given: pass in what they need.");
}

#[test]
fn who_looks_does_not_decide() {
    let mut wrong = Vec::new();
    for file in files().iter().filter(|f| f.module.first().is_some_and(|m| LOOKS.contains(&m.as_str()))) {
        for import in file.imports("crate").iter().filter(|i| starts_with(&i.path.join("::"), DECIDES)) {
            wrong.push(format!("{}:{}: {}", file.name, import.line, import.path.join("::")));
        }
    }
    none(&wrong, "Screens and reports read the state; only the engine's process decides.");
}

#[test]
fn only_clock_reads_the_time() {
    let mut wrong = Vec::new();
    for file in files().iter().filter(|file| file.module.first().is_none_or(|m| m != "clock")) {
        for name in CLOCKS {
            wrong.extend(file.lines_with(name).map(|line| format!("{}:{line}: {name}", file.name)));
        }
    }
    none(&wrong, "Ask a `clock::Clock`: rehearsals, replays and tests run on others than the machine's.");
}

#[test]
fn only_process_spawns() {
    let mut wrong = Vec::new();
    for file in files().iter().filter(|file| file.module.first().is_none_or(|m| m != "process")) {
        let of_std =
            file.imports("std").into_iter().filter(|i| starts_with(&i.path.join("::"), "process::Command"));
        let of_tokio =
            file.imports("tokio").into_iter().filter(|i| starts_with(&i.path.join("::"), "process"));
        wrong.extend(
            of_std.chain(of_tokio).map(|i| format!("{}:{}: {}", file.name, i.line, i.path.join("::"))),
        );
    }
    none(&wrong, "Only `process` starts processes: it bounds them, groups them and ends them.");
}

#[test]
fn nothing_is_unsafe() {
    let mut wrong = Vec::new();
    for file in files() {
        wrong.extend(file.lines_with("unsafe").map(|line| format!("{}:{line}", file.name)));
    }
    none(&wrong, "No unsafe code.");
}

#[test]
fn every_file_says_what_it_is() {
    let wrong: Vec<String> =
        files().into_iter().filter(|file| !file.raw.starts_with("//!")).map(|file| file.name).collect();
    none(&wrong, "A file begins with `//!`: what it owns, what it refuses to know, where to look next.");
}

#[test]
fn files_are_short_enough_to_be_read() {
    let mut wrong = Vec::new();
    let files = files();
    for file in files.iter().filter(|file| !file.is_test) {
        if TABLES.iter().any(|(name, _)| *name == file.name) {
            continue;
        }
        if file.lines > LINES {
            wrong.push(format!("{}: {} lines without tests, {LINES} are allowed", file.name, file.lines));
        }
    }
    none(&wrong, "A file past 400 lines is two files: split it by idea.");
}

#[test]
fn every_theme_is_in_the_table() {
    let table = std::fs::read_to_string(root().join("src/ui/theme.rs")).expect("src/ui/theme.rs");
    let themes = std::fs::read_dir(root().join("themes")).expect("themes/");
    let names = themes.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let wrong: Vec<String> = names.filter(|name| !table.contains(&format!("themes/{name}"))).collect();
    none(&wrong, "A theme needs its line in the table of `ui::theme`.");
}

#[test]
fn the_top_of_the_repository_holds_what_people_look_for() {
    let entries = std::fs::read_dir(root()).expect("the repository");
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let wrong: Vec<String> =
        names.filter(|name| !name.starts_with('.') && !TOP.contains(&name.as_str())).collect();
    none(&wrong, "These do not belong at the top of the repository.");
}
