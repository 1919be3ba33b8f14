//! A tree on another host: this one, over a real sshd of the tests' own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::json;

use super::sshd::Sshd;
use super::{Trees, contents, differences, of_the_night};

/// Trees of which a server shows those below its home; `path` is where its commands are found.
fn trees(path: &str) -> (Trees, Sshd) {
    let mut trees = Trees::new();
    let sshd = Sshd::start(trees.dir.path(), path);
    // As for a person whose ~/.ssh/config says how to get there.
    fs::create_dir(trees.path("bin")).unwrap();
    let script = format!("#!/bin/sh\nexec /usr/bin/ssh {} \"$@\"\n", sshd.ssh[1..].join(" "));
    fs::write(trees.path("bin/ssh"), script).unwrap();
    fs::set_permissions(trees.path("bin/ssh"), fs::Permissions::from_mode(0o755)).unwrap();
    trees.env.push(("PATH", format!("{}:/usr/bin:/bin", trees.path("bin").display())));
    (trees, sshd)
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_cutover"))
}

#[test]
fn the_same_is_found_over_ssh_as_here() {
    let (trees, _sshd) = trees(&format!("{}:/usr/bin:/bin", program().parent().unwrap().display()));
    trees.night();
    let far = format!("ssh://far{}/b", trees.dir.path().display());
    let (document, exit) = trees.json(&["a", &far]);
    assert_eq!((exit, differences(&document)), (1, of_the_night()));
    assert_eq!(contents(&document), json!([0, 202, 0]));
    let (document, exit) = trees.json(&["ssh://far/~/a", &far, "--only", "many/3"]);
    assert_eq!((exit, differences(&document).len()), (1, 1), "{document:#}");
    assert!(document["left_out"].as_u64().unwrap() > 0);
    let (document, exit) = trees.json(&["ssh://far/~/a", "a"]);
    assert_eq!((exit, &document["verdict"]), (0, &json!("same")), "{document:#}");

    let listed = trees.cutover(&["manifest", "ssh://far/~/b"]);
    let here = trees.cutover(&["manifest", "b"]);
    assert_eq!(listed.stdout, here.stdout);
    let (document, exit) = trees.json(&["a", "ssh://far/~/nowhere"]);
    assert_eq!(exit, 3, "{document:#}");
}

#[test]
fn a_host_without_this_program_says_so_and_takes_it_by_its_path() {
    let (trees, _sshd) = trees("/usr/bin:/bin");
    trees.write("a/x", "1");
    trees.write("b/x", "1");
    let (document, exit) = trees.json(&["a", "ssh://far/~/b"]);
    let why = document["why"].as_str().unwrap();
    assert!(exit == 3 && why.contains("has no cutover") && why.contains("?program="), "{why}");
    let by_path = format!("ssh://far/~/b?program={}", program().display());
    assert_eq!(trees.json(&["a", &by_path]).1, 0);
    let (document, exit) = trees.json(&["a", "ssh://nobody-there.invalid/x"]);
    let why = document["why"].as_str().unwrap();
    assert!(exit == 3 && why.contains("cannot be reached"), "{why}");
    let (document, exit) = trees.json(&["a", "ssh://far/~/b?program=/bin/echo"]);
    let why = document["why"].as_str().unwrap();
    assert!(exit == 3 && why.contains("is not cutover"), "{why}");
}

#[test]
fn a_line_that_breaks_is_no_proof() {
    let (trees, _sshd) = trees("/usr/bin:/bin");
    for side in ["a", "b"] {
        for n in 0..40 {
            trees.write(format!("{side}/{n}"), vec![n; 4 << 20]);
        }
    }
    // The list of these files is shorter than that, and with all answers it is longer.
    let script = format!("#!/bin/sh\n{} \"$@\" | dd bs=1 count=5000 status=none\n", program().display());
    fs::write(trees.path("bin/far"), script).unwrap();
    fs::set_permissions(trees.path("bin/far"), fs::Permissions::from_mode(0o755)).unwrap();
    let far = format!("ssh://far/~/b?program={}", trees.path("bin/far").display());
    let (document, exit) = trees.json(&["a", &far]);
    assert_eq!((exit, differences(&document)), (3, vec![]), "{document:#}");
    assert!(document["why"].as_str().unwrap().contains("broke off"), "{document:#}");
    assert_eq!(document["source"]["files"], document["target"]["files"]);
}
