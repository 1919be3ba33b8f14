//! Plans that are wrong or unwise, and what is said about them.
//!
//! Each file in `plans/wrong` and `plans/unwise` has its snapshot; whatever is found has a place, a caret and
//! a mend. Random and mutated plans may be anything but the end of the program.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::print_stdout,
    clippy::format_push_string,
    clippy::format_collect,
    reason = "what a test cannot go on without ends it; times are printed, never asserted"
)]

use std::path::{Path, PathBuf};
use std::time::Instant;

use cutover::plan::{self, Diagnostics, Environment, Level, Overrides, Style};
use proptest::prelude::*;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans").join(name)
}

fn plans(name: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder(name)).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths
}

/// As seen from the repository's own folder, so that the same path stands in every snapshot.
fn read(path: &Path, overrides: &Overrides) -> Result<plan::Loaded, Diagnostics> {
    let path = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap_or(path);
    plan::load(path, overrides, &Environment::with(["SSH_AUTH_SOCK"]))
}

fn found(path: &Path) -> Diagnostics {
    match read(path, &Overrides::default()) {
        Ok(loaded) => loaded.notes,
        Err(diagnostics) => diagnostics,
    }
}

/// Everything that is found has a place, a caret, something beside it, and a mend.
fn complete(found: &Diagnostics) {
    for (i, d) in found.list.iter().enumerate() {
        let one = Diagnostics { list: vec![d.clone()], sources: found.sources.clone() };
        let drawn = one.render(Style::default());
        assert!(!d.help.is_empty(), "no mend:\n{drawn}");
        assert!(!d.label.is_empty(), "nothing beside the caret:\n{drawn}");
        assert!(drawn.contains("-->"), "no place:\n{drawn}");
        let source = found.sources.get(d.place.file).unwrap();
        assert!(source.text.is_empty() || drawn.contains('^'), "no caret:\n{drawn}");
        let json = d.to_json(&found.sources);
        assert!(json["at"]["line"].as_u64().unwrap() > 0 && json["code"] == d.code, "{json}");
        assert!(found.list.iter().skip(i + 1).all(|other| other != d), "said twice:\n{drawn}");
    }
}

#[test]
fn wrong_plans_are_refused_with_everything_that_is_wrong() {
    let paths = plans("wrong");
    assert!(paths.len() >= 30);
    let mut with_five = 0;
    for path in paths {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let Err(found) = read(&path, &Overrides::default()) else { panic!("{name} is accepted") };
        complete(&found);
        let errors = found.count(Level::Error);
        assert!(errors > 0, "{name}");
        with_five += usize::from(errors >= 5);
        insta::assert_snapshot!(format!("wrong-{name}"), found.render(Style::default()));
    }
    assert!(with_five >= 5, "{with_five} plans have five errors");
}

#[test]
fn a_reference_that_leads_nowhere_hides_no_rule_about_the_whole_plan() {
    let rules = [
        ("no-gate", "no-gate"),
        ("no-way-back", "no-rollback"),
        ("two-writers", "two-writers"),
        ("source-not-last", "source-not-last"),
        ("nothing-looks-in-between", "never-asked"),
    ];
    let unrelated = [
        "manual = \"?\"\nafter = [\"nowhere\"]",
        "wait = { probe = \"nowhere\" }",
        "check = \"nowhere\"",
        "fence = { endpoint = \"nowhere\" }",
        "freeze = { enforce = \"nowhere\" }",
        "",
    ];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plan.toml");
    let count = |found: &Diagnostics, code: &str| found.list.iter().filter(|d| d.code == code).count();
    for (file, code) in rules {
        let text = std::fs::read_to_string(folder(&format!("wrong/{file}.toml"))).unwrap();
        std::fs::write(&path, &text).unwrap();
        let alone = count(&found(&path), code);
        assert!(alone > 0, "{file}");
        for line in unrelated {
            let late =
                "[[phase]]\nid = \"late\"\ntitle = \"Late\"\n[[phase.step]]\nid = \"last\"\ntitle = \"Last\"";
            std::fs::write(&path, format!("{text}\n{late}\n{line}\n")).unwrap();
            let found = found(&path);
            let drawn = found.render(Style::default());
            assert_eq!(count(&found, code), alone, "{file}, {line}:\n{drawn}");
            assert!(
                found.list.iter().any(|d| ["bad-reference", "missing-kind"].contains(&d.code)),
                "{drawn}"
            );
        }
    }
}

#[test]
fn a_rule_that_has_to_wait_says_so() {
    let text = std::fs::read_to_string(folder("wrong/no-gate.toml")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plan.toml");
    std::fs::write(&path, text.replace("after = []", "after = [\"og\"]")).unwrap();
    let found = found(&path);
    let codes: Vec<&str> = found.list.iter().map(|d| d.code).collect();
    assert!(!codes.contains(&"no-gate"), "{}", found.render(Style::default()));
    assert_eq!(codes.iter().filter(|code| **code == "not-checked-yet").count(), 1);
}

#[test]
fn unwise_plans_are_accepted_with_a_warning_for_each_folly() {
    for path in plans("unwise") {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let found = match read(&path, &Overrides::default()) {
            Ok(loaded) => loaded.notes,
            Err(found) => panic!("{name} is refused:\n{}", found.render(Style::default())),
        };
        complete(&found);
        insta::assert_snapshot!(format!("unwise-{name}"), found.render(Style::default()));
    }
}

#[test]
fn the_plans_that_come_along_are_wise() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-plans");
    let plans = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let plans: Vec<_> = plans.filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    assert!(plans.len() >= 4, "{plans:?}");
    for plan in plans {
        let found = found(&plan);
        assert_eq!(found.count(Level::Warning), 0, "{}", found.render(Style::default()));
    }
}

#[test]
fn findings_are_drawn_in_unicode_and_colour_where_asked_for() {
    let found = found(&folder("wrong/window-closes-first.toml"));
    insta::assert_snapshot!(found.render(Style { ascii: false, colour: false, width: 100 }));
    assert!(found.render(Style { ascii: false, colour: true, width: 100 }).contains("\u{1b}["));
    assert!(!found.render(Style::default()).contains('\u{1b}'));
}

#[test]
fn findings_as_json_say_where_and_what() {
    let found = found(&folder("wrong/window-closes-first.toml"));
    insta::assert_snapshot!(format!("{:#}", found.to_json()));
}

#[test]
fn overlays_and_settings_change_values_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let base = std::fs::read_to_string(folder("right/everything.toml")).unwrap();
    let path = dir.path().join("plan.toml");
    let over = dir.path().join("staging.toml");
    std::fs::write(&path, &base).unwrap();
    std::fs::write(
        &over,
        "[plan]\nname = 'Staging'\n[endpoints.source]\nsqlite = { path = 'staging.db' }\n[[probe]]\nid = 'tcp'\ntcp = 'staging:1'\n",
    )
    .unwrap();
    let set = vec![("site".to_owned(), "https://staging.example.net".to_owned())];
    let overrides = Overrides { set, overlays: vec![over.clone()] };
    let plain = read(&path, &Overrides::default()).unwrap();
    let staged = read(&path, &overrides).unwrap();
    assert_eq!(staged.plan.name, "Staging");
    assert_eq!(staged.plan.pins.base, plain.plan.pins.base);
    assert_ne!(staged.plan.pins.resolved, plain.plan.pins.resolved);
    let changed: Vec<_> =
        staged.plan.pins.steps.iter().zip(&plain.plan.pins.steps).filter(|(a, b)| a != b).collect();
    let ids: Vec<&str> = changed.iter().map(|(a, _)| a.0.as_str()).collect();
    assert_eq!(ids, ["shut", "told-more"], "the steps that name the site");
    assert!(
        staged.resolved.contains("staging.db") && staged.resolved.contains("https://staging.example.net/")
    );

    std::fs::write(
        &over,
        "[[phase]]\nid = 'work'\n[[phase.step]]\nid = 'shrd'\ntitle = 'x'\n[[phase.step]]\nid = 'go'\ngate = {}\n[[probe]]\nid = 'new'\ntcp = 'a:1'\n",
    )
    .unwrap();
    let set = vec![("sit".to_owned(), "x".to_owned())];
    let Err(found) = read(&path, &Overrides { set, overlays: vec![over] }) else { panic!("accepted") };
    complete(&found);
    let text = found.render(Style::default()).replace(&dir.path().display().to_string(), "DIR");
    insta::assert_snapshot!(text);
}

#[test]
fn what_is_no_plan_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let large = dir.path().join("large");
    std::fs::File::create(&large).unwrap().set_len(50 * 1024 * 1024).unwrap();
    let pipe = dir.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
        .unwrap();
    let deep = format!("a = {}{}", "[".repeat(50_000), "]".repeat(50_000));
    let keys = format!("{} = 1", vec!["a"; 50_000].join("."));
    let garbage = "]][[ = \" ' {{ \n".repeat(20_000);
    let unclosed = "a = { b = [ \"\n".repeat(20_000);
    let same = format!("[plan]\n{}", "a = 1\n".repeat(50_000));
    let numbers: String = (0..50_000).map(|i| format!("k{i} = {i}\n")).collect();
    let cases = [
        ("missing", dir.path().join("none.toml"), "No such file"),
        ("folder", dir.path().to_owned(), "is a folder"),
        ("device", PathBuf::from("/dev/null"), "not a regular file"),
        ("large", large, "at most 8388608"),
        ("binary", file("binary", b"\x7fELF\x00\xff\xfe"), "not UTF-8"),
        ("pipe", pipe, "is a pipe, not a regular file"),
        ("empty", file("empty", b""), "`cutover new DIR --strategy near-zero-downtime` writes a plan"),
        ("blank", file("blank", b"# nothing\n\n"), "says nothing"),
        ("nul", file("nul", &[0; 4096]), "error"),
        ("deep", file("deep", deep.as_bytes()), "max recursion depth"),
        ("dotted", file("dotted", keys.as_bytes()), "recursion limit"),
        ("garbage", file("garbage", garbage.as_bytes()), "error"),
        ("unclosed", file("unclosed", unclosed.as_bytes()), "error"),
        ("same key", file("same", same.as_bytes()), "duplicate key"),
        ("numbers", file("numbers", numbers.as_bytes()), "unknown-key"),
    ];
    for (name, path, expected) in cases {
        let started = Instant::now();
        let Err(found) = read(&path, &Overrides::default()) else { panic!("{name} is accepted") };
        let drawn = found.render(Style::default());
        println!("{name}: {:?}, {}", started.elapsed(), found.summary());
        assert!(drawn.contains(expected), "{name}: {}", drawn.chars().take(2000).collect::<String>());
    }
}

#[test]
fn five_thousand_steps_are_read() {
    let mut text = std::fs::read_to_string(folder("right/more.toml")).unwrap();
    for i in 0..5000 {
        text.push_str(&format!(
            "\n[[phase.step]]\nid = \"step-{i}\"\ntitle = \"Step {i}\"\ncommand = [\"run\", \"{i}\"]\nestimate = \"1s\"\ntimeout = \"1m\"\n"
        ));
    }
    // The phase's own table has to come last, or the steps would belong to `[alarms]`.
    let alarms = text.find("[alarms]").unwrap();
    let end = text[alarms..].find("\n\n").unwrap();
    text.replace_range(alarms..alarms + end, "");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plan.toml");
    std::fs::write(&path, &text).unwrap();
    let started = Instant::now();
    let loaded =
        read(&path, &Overrides::default()).unwrap_or_else(|d| panic!("{}", d.render(Style::default())));
    println!("{} steps, {} KiB: {:?}", loaded.plan.steps.len(), text.len() / 1024, started.elapsed());
    assert_eq!(loaded.plan.steps.len(), 5001);
    assert_eq!(loaded.plan.steps[5000].after[0].as_str(), "step-4998");
}

/// One edit of a text, as people and accidents make them.
#[derive(Clone, Debug)]
enum Edit {
    Cut(prop::sample::Index, usize),
    Twice(prop::sample::Index, usize),
    Put(prop::sample::Index, String),
}

fn edit() -> impl Strategy<Value = Edit> {
    let pieces = prop::sample::select(vec![
        "\"",
        "'",
        "\"\"\"",
        "[",
        "]",
        "[[",
        "{",
        "}",
        "=",
        ",",
        "\n",
        "${",
        "}",
        "$${",
        "1979-05-27",
        "-1",
        "9e999",
        "\u{0}",
        "\u{202e}",
        "é",
        "id = \"ask\"\n",
        "after = [\"go\"]\n",
        "switch = true\n",
        "gate = {}\n",
    ]);
    prop_oneof![
        (any::<prop::sample::Index>(), 0..200usize).prop_map(|(at, n)| Edit::Cut(at, n)),
        (any::<prop::sample::Index>(), 0..200usize).prop_map(|(at, n)| Edit::Twice(at, n)),
        (any::<prop::sample::Index>(), pieces).prop_map(|(at, t)| Edit::Put(at, t.to_owned())),
    ]
}

fn edited(text: &str, edits: &[Edit]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for edit in edits {
        if chars.is_empty() {
            break;
        }
        match edit {
            Edit::Cut(at, n) => {
                let at = at.index(chars.len());
                chars.drain(at..(at + n).min(chars.len()));
            }
            Edit::Twice(at, n) => {
                let at = at.index(chars.len());
                let again: Vec<char> = chars[at..(at + n).min(chars.len())].to_vec();
                chars.splice(at..at, again);
            }
            Edit::Put(at, text) => {
                let at = at.index(chars.len());
                chars.splice(at..at, text.chars());
            }
        }
    }
    chars.into_iter().collect()
}

/// Whatever a file holds, it is read or refused; and what is said about it can be shown.
fn survives(bytes: &[u8]) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plan.toml");
    std::fs::write(&path, bytes).unwrap();
    let mut found = match plan::load(&path, &Overrides::default(), &Environment::default()) {
        Ok(loaded) => {
            assert!(loaded.notes.count(Level::Error) == 0);
            loaded.notes
        }
        Err(found) => {
            assert!(found.count(Level::Error) > 0);
            found
        }
    };
    found.list.truncate(10);
    complete(&found);
}

fn cases() -> u32 {
    if std::env::var_os("CUTOVER_LONG").is_some() { 20_000 } else { 200 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_refused_in_words(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        survives(&bytes);
    }

    #[test]
    fn mutated_plans_are_read_or_refused_in_words(
        which in 0..3usize,
        edits in prop::collection::vec(edit(), 1..6),
    ) {
        let text = match which {
            0 => std::fs::read_to_string(folder("right/everything.toml")).unwrap(),
            1 => plan::new::text(plan::model::Strategy::NearZeroDowntime).to_owned(),
            _ => std::fs::read_to_string(folder("wrong/cycle.toml")).unwrap(),
        };
        survives(edited(&text, &edits).as_bytes());
    }
}
