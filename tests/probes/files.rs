//! Real files: counted, and watched for any change.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::Duration;

use cutover::engine::reading::{Facts, Finding};
use cutover::plan::model::{FilesProbe, ProbeKind, TreesProbe};

use crate::common::{World, failed, findings};

fn files(path: &str) -> FilesProbe {
    FilesProbe { path: path.to_owned(), at_least: 1, younger_than: None, bytes_at_least: None }
}

#[tokio::test]
async fn files_are_counted_and_weighed() {
    let world = World::new();
    fs::create_dir_all(world.path().join("backup/deep")).unwrap();
    fs::write(world.path().join("backup/a"), vec![0; 1000]).unwrap();
    fs::write(world.path().join("backup/deep/b"), vec![0; 1048]).unwrap();
    let seen = world.seen(ProbeKind::Files(files("backup"))).await;
    assert!(seen.pass && seen.text.starts_with("2 files, 2.0 KiB, the youngest"), "{}", seen.text);

    let few = FilesProbe { at_least: 3, ..files("backup") };
    let seen = world.seen(ProbeKind::Files(few)).await;
    assert!(!seen.pass && seen.text.ends_with("at least 3 files asked for"), "{}", seen.text);
    let light = FilesProbe { bytes_at_least: Some(4096), ..files("backup") };
    let seen = world.seen(ProbeKind::Files(light)).await;
    assert!(!seen.pass && seen.text.ends_with("at least 4.0 KiB asked for"), "{}", seen.text);
}

#[tokio::test]
async fn the_youngest_must_be_young_enough() {
    let world = World::new();
    let path = world.path().join("dump");
    fs::write(&path, "x").unwrap();
    let young = FilesProbe { younger_than: Some(Duration::from_secs(3600)), ..files("dump") };
    assert!(world.seen(ProbeKind::Files(young.clone())).await.pass);
    let file = fs::File::options().write(true).open(&path).unwrap();
    let before = file.metadata().unwrap().modified().unwrap() - Duration::from_secs(7300);
    file.set_modified(before).unwrap();
    let seen = world.seen(ProbeKind::Files(young)).await;
    assert!(
        !seen.pass && seen.text.ends_with("the youngest 2h01m old: at most 1h asked for"),
        "{}",
        seen.text
    );
}

#[tokio::test]
async fn nothing_there_is_an_answer() {
    let world = World::new();
    let seen = world.seen(ProbeKind::Files(files("missing"))).await;
    assert_eq!((seen.pass, seen.text.as_str()), (false, "nothing is there"));
}

fn tree() -> ProbeKind {
    ProbeKind::Tree { paths: vec!["app".to_owned()] }
}

#[tokio::test]
async fn every_kind_of_change_in_a_tree_is_named() {
    let world = World::new();
    let at = |name: &str| world.path().join("app").join(name);
    fs::create_dir_all(at("conf")).unwrap();
    for name in ["conf/a", "b", "c", "d", "e"] {
        fs::write(at(name), name).unwrap();
    }
    symlink("b", at("link")).unwrap();
    let (seen, baseline) = world.baseline(tree()).await;
    assert_eq!((seen.pass, seen.text.as_str()), (true, "noted, 6 files"));
    assert!(world.against(tree(), &baseline).await.result.unwrap().pass);

    fs::write(at("conf/a"), "other").unwrap();
    fs::remove_file(at("b")).unwrap();
    fs::set_permissions(at("c"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(at("new"), "").unwrap();
    fs::remove_file(at("link")).unwrap();
    symlink("c", at("link")).unwrap();
    // Written with its old time and size put back: as quiet as a change can be.
    let times = fs::metadata(at("d")).unwrap().modified().unwrap();
    fs::write(at("d"), "D").unwrap();
    fs::File::options().write(true).open(at("d")).unwrap().set_modified(times).unwrap();
    // Only touched: the same file.
    fs::File::options()
        .write(true)
        .open(at("e"))
        .unwrap()
        .set_modified(times + Duration::from_secs(9))
        .unwrap();

    let looked = world.against(tree(), &baseline).await;
    let seen = looked.result.unwrap();
    assert!(!seen.pass);
    let said: Vec<(String, String)> = findings(&seen)
        .iter()
        .map(|f| {
            let name = f.what.rsplit_once("/app/").unwrap().1.to_owned();
            (name, f.change.split_whitespace().next().unwrap().trim_end_matches(',').to_owned())
        })
        .collect();
    let said: Vec<(&str, &str)> = said.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(
        said,
        [
            ("b", "removed"),
            ("c", "mode"),
            ("conf/a", "changed"),
            ("d", "changed"),
            ("link", "changed"),
            ("new", "added")
        ]
    );
    let gone = |f: &Finding| f.change.starts_with("removed, was ");
    assert!(findings(&seen).iter().all(|f| gone(f) || (f.when.is_some() && f.who.is_some())));
    let link = findings(&seen).iter().find(|f| f.what.ends_with("/link")).unwrap();
    assert_eq!(link.change, "changed link to b to link to c");
    // SHA-256 of nothing, of `b`.
    let of = |name: &str| &findings(&seen).iter().find(|f| f.what.ends_with(name)).unwrap().change;
    assert_eq!((of("/new").as_str(), of("/b").as_str()), ("added, e3b0c442", "removed, was 3e23e816"));
    assert!(seen.text.ends_with("b removed, was 3e23e816, and 5 more"), "{}", seen.text);
}

#[tokio::test]
async fn a_tree_that_was_never_there_is_no_measure_and_one_that_goes_is_a_breach() {
    let world = World::new();
    let why = world.unmeasured(tree()).await;
    assert!(failed(&why).ends_with("app is not there"), "{why:?}");
    fs::create_dir(world.path().join("app")).unwrap();
    fs::write(world.path().join("app/a"), "").unwrap();
    let (_, baseline) = world.baseline(tree()).await;
    fs::remove_dir_all(world.path().join("app")).unwrap();
    let seen = world.against(tree(), &baseline).await.result.unwrap();
    assert!(!seen.pass && seen.text.ends_with("app/a removed, was e3b0c442"), "{}", seen.text);
}

#[tokio::test]
async fn two_trees_are_compared_and_what_differs_is_named() {
    let world = World::new();
    let write = |name: &str, holds: &str| {
        let path = world.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, holds).unwrap();
    };
    let probe = TreesProbe {
        from: "a".to_owned(),
        to: "b".to_owned(),
        include: Vec::new(),
        except: vec!["*.tmp".to_owned()],
        times: false,
        modes: true,
        owners: false,
        full: false,
    };
    let look = || world.look(ProbeKind::Trees(probe.clone()));
    for side in ["a", "b"] {
        write(&format!("{side}/deep/x"), "one");
        write(&format!("{side}/y.tmp"), side);
    }
    let same = look().await.result.unwrap();
    assert_eq!((same.pass, same.text.as_str()), (true, "1 file the same, 3 B"));

    write("b/deep/x", "two");
    write("b/z", "");
    let looked = look().await;
    let seen = looked.result.unwrap();
    assert_eq!((seen.pass, seen.text.as_str()), (false, "1 extra, 1 with other contents: deep/x changed"));
    let Facts::Compared(compared) = seen.facts else { panic!("{:?}", seen.facts) };
    assert_eq!((compared.trees, compared.differences, compared.tables, compared.same), (true, 2, 2, 1));
    let named = &compared.named[0];
    assert_eq!(
        (named.table.as_str(), named.key.as_str(), named.columns.join(",").as_str()),
        ("deep", "x", "content")
    );
    assert!(looked.raw.contains("deep/x: content; a file 3 bytes"), "{}", looked.raw);

    fs::remove_dir_all(world.path().join("b")).unwrap();
    let why = world.unmeasured(ProbeKind::Trees(probe.clone())).await;
    assert!(failed(&why).contains("b is no tree of files"), "{why:?}");
}
