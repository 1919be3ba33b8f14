//! The disk is full in the middle of the night.

use std::process::Command;

use cutover::engine::event::Event;
use cutover::engine::input::Intent;

use super::support::{Run, exe, wait};

const DISK: &str = "CUTOVER_TEST_SMALL_DISK";
const MANUAL: &str =
    "[[phase.step]]\nid = \"told\"\ntitle = \"Told\"\nmanual = \"Tell them\"\nestimate = \"1s\"\n";

/// Runs the test below on a small file system of its own, where this machine lets us mount one.
#[test]
fn a_full_disk_halts_the_run_on_record_and_says_so() {
    let me = std::env::current_exe().unwrap();
    let tmp = tempfile::tempdir().unwrap();
    let script = format!(
        "mount -t tmpfs -o size=96m,mode=700 none \"{0}\" && {DISK}=\"{0}\" exec \"{1}\" --exact session::disk::on_a_small_disk --nocapture",
        tmp.path().display(),
        me.display()
    );
    let done = Command::new("unshare").args(["-Urm", "sh", "-c", &script]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    let cannot = said.contains("unshare:") || said.contains("mount:");
    if cannot && std::env::var_os("CUTOVER_REAL_PARTS").is_none() {
        eprintln!("not tried, since this machine lets nobody mount: {said}");
        return;
    }
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stdout));
}

#[test]
fn on_a_small_disk() {
    let Some(disk) = std::env::var_os(DISK) else { return };
    let run = Run::below(tempfile::tempdir_in(disk).unwrap(), MANUAL);
    let mut engine = run.engine();
    let mut maria = run.drive("maria");
    // What is left but the space that the journal has taken ahead.
    let mut fill = std::fs::File::create(run.tmp.path().join("fill")).unwrap();
    let mut block = vec![0; 1024 * 1024];
    while std::io::Write::write_all(&mut fill, &block).is_ok() {}
    block.truncate(4096);
    while std::io::Write::write_all(&mut fill, &block).is_ok() {}

    let text = "x".repeat(50_000);
    let mut accepted = 0;
    let why = loop {
        match maria.ask(Intent::Note { text: text.clone() }) {
            Ok(_) => accepted += 1,
            Err(why) => break why,
        }
        assert!(accepted < 2000, "the disk is never full");
    };
    assert!(why.contains("closed"), "{why}");
    assert!(why.contains("journal"), "{why}");
    assert_eq!(wait(&mut engine).code(), Some(4));
    let events = run.events();
    let kept = events.iter().filter(|e| matches!(e, Event::Noted { .. })).count();
    assert_eq!(kept, accepted, "what was accepted is kept, and nothing else");
    assert!(matches!(events.last(), Some(Event::Halted { .. })), "{:?}", events.last());

    let again = Command::new(exe()).arg("__engine").arg(&run.path).output().unwrap();
    assert_eq!(again.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&again.stderr).contains("MiB free"), "{again:?}");
    drop(fill);
    std::fs::remove_file(run.tmp.path().join("fill")).unwrap();
    let _engine = run.engine();
    let mut maria = run.drive("maria");
    maria.ask(Intent::Release).unwrap();
}
