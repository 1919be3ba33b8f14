//! Two folders, and manifests of them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::{Trees, contents, differences, of_the_night};

#[test]
fn a_night_of_differences_is_named_and_nothing_else() {
    let trees = Trees::new();
    trees.night();
    let (document, exit) = trees.json(&["a", "b"]);
    assert_eq!((exit, differences(&document)), (1, of_the_night()));
    assert_eq!((&document["verdict"], &document["differ"]), (&json!("different"), &json!(9)));
    // 202 that both have and that hold something, but for the one that is missing.
    assert_eq!(contents(&document), json!([202, 0, 0]));
    let large = &document["differences"][1];
    assert_eq!((&large["parts_at"], &large["columns"]), (&json!(4 << 20), &json!(["content"])));

    let said = trees.cutover(&["compare", "a", "b"]);
    let text = String::from_utf8(said.stdout).unwrap();
    for line in [
        "caf\\xe9: other contents from byte 0 on",
        "link: link to /nowhere became /elsewhere",
        "many/0/f7: missing at the target",
        "many/extra: only at the target",
        "many/1/f1: time 2023-11-14T22:13:20.123456789Z became 2023-11-14T22:13:21.123456789Z",
        "different: 1 missing, 1 extra, 5 with other contents, 1 leading elsewhere, 1 with another time",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }

    let (document, exit) = trees.json(&["a", "b", "--ignore", "time", "--except", "many,large,link,caf*"]);
    assert_eq!((exit, &document["verdict"]), (0, &json!("same")), "{document:#}");
    let (document, exit) = trees.json(&["a", "b", "--quick", "--only", "large"]);
    assert_eq!((exit, &document["contents"]["not_compared"]), (3, &json!(1)), "{document:#}");
    let slip = trees.cutover(&["compare", "a", "b", "--except", "nope"]);
    assert_eq!(slip.status.code(), Some(3), "{slip:?}");
}

#[test]
fn what_may_not_be_read_is_not_proved() {
    let trees = Trees::new();
    for side in ["a", "b"] {
        trees.write(format!("{side}/x"), "1");
        trees.write(format!("{side}/shut"), "1");
        trees.write(format!("{side}/closed/y"), "1");
    }
    fs::set_permissions(trees.path("b/shut"), fs::Permissions::from_mode(0o0)).unwrap();
    fs::set_permissions(trees.path("b/closed"), fs::Permissions::from_mode(0o0)).unwrap();
    fs::set_permissions(trees.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = env!("CARGO_BIN_EXE_cutover");
    let words = ["compare", "a", "b", "--ignore", "mode", "--json"];
    // Root may read everything.
    let mut command = if rustix::process::getuid().is_root() {
        let copy = trees.path("cutover");
        fs::copy(program, &copy).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "--"]).arg(copy);
        command
    } else {
        Command::new(program)
    };
    let done = command.args(words).current_dir(trees.dir.path()).output().unwrap();
    fs::set_permissions(trees.path("b/closed"), fs::Permissions::from_mode(0o755)).unwrap();
    let document: serde_json::Value =
        serde_json::from_slice(&done.stdout).unwrap_or_else(|why| panic!("{why}: {done:?}"));
    assert_eq!((done.status.code(), differences(&document)), (Some(3), vec![]), "{document:#}");
    let named = document["not_proved_named"].as_array().unwrap();
    let paths: Vec<&str> = named.iter().map(|n| n["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["closed", "shut"], "what lies below a folder that is shut is not missing");
}

#[test]
fn a_file_that_never_stands_still_is_not_proved_or_seen_to_differ() {
    let trees = Trees::new();
    for side in ["a", "b"] {
        trees.write(format!("{side}/still"), "1");
        trees.write(format!("{side}/log"), vec![1; 20 << 20]);
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Only the time of the change tells: size, contents and the time of the last write stay.
            while !done.load(Ordering::Relaxed) {
                fs::set_permissions(trees.path("b/log"), fs::Permissions::from_mode(0o600)).unwrap();
                fs::set_permissions(trees.path("b/log"), fs::Permissions::from_mode(0o644)).unwrap();
            }
        });
        let (document, exit) = trees.json(&["a", "b", "--ignore", "mode"]);
        done.store(true, Ordering::Relaxed);
        assert_eq!(exit, 3, "{document:#}");
        let why = document["why"].as_str().unwrap();
        assert!(why.contains("log: at the target: it was changed while it was read, twice"), "{why}");
    });
}

#[test]
fn manifests_are_written_and_checked_by_both() {
    let trees = Trees::new();
    trees.night();
    for (flag, tool) in [(None, "sha256sum"), (Some("--md5"), "md5sum")] {
        let words: Vec<&str> = ["manifest", "a"].into_iter().chain(flag).collect();
        let ours = trees.cutover(&words);
        assert_eq!(ours.status.code(), Some(0), "{ours:?}");
        assert!(String::from_utf8_lossy(&ours.stderr).contains("not listed: 2 links"), "{ours:?}");
        fs::write(trees.path("list"), &ours.stdout).unwrap();
        let checked = Command::new(tool)
            .args(["--check", "--strict", "--quiet", "../list"])
            .current_dir(trees.path("a"))
            .status()
            .unwrap();
        assert!(checked.success(), "{tool} does not take what we wrote");
        let (document, exit) = trees.json(&["a", "list"]);
        assert_eq!((exit, contents(&document)), (0, json!([0, 0, 204])), "{document:#}");

        // In the folder itself, and in the form of the BSDs.
        for tag in [&[][..], &["--tag"][..]] {
            let list = fs::File::create(trees.path("a/theirs")).unwrap();
            let listed = Command::new("sh")
                .args(["-c", "find . -type f ! -name theirs -print0 | xargs -0 \"$@\"", "sh", tool])
                .args(tag)
                .current_dir(trees.path("a"))
                .stdout(Stdio::from(list))
                .status()
                .unwrap();
            assert!(listed.success());
            let (document, exit) = trees.json(&["a/theirs", "a"]);
            assert_eq!((exit, &document["verdict"]), (0, &json!("same")), "{document:#}");
            fs::remove_file(trees.path("a/theirs")).unwrap();
        }
        let (document, exit) = trees.json(&["list", "b"]);
        let expected: Vec<_> = of_the_night()
            .into_iter()
            .filter(|(_, kind)| !["time", "link"].contains(&kind.as_str()))
            .collect();
        assert_eq!((exit, differences(&document)), (1, expected));
    }
    fs::write(trees.path("list"), "hello\n").unwrap();
    let done = trees.cutover(&["compare", "a", "list"]);
    assert_eq!(done.status.code(), Some(2), "{done:?}");
}
