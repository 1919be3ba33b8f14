//! The engine is killed at every record; what ran meanwhile is known afterwards, and runs once.

use std::process::Command;

use cutover::engine::event::{Ending, Event, Outcome};
use cutover::engine::input::Intent;
use cutover::engine::state::{Stage, Status};
use cutover::journal::Contact;

use super::support::{Run, exe, kill, wait};

fn steps(count: usize) -> String {
    (1..=count)
        .map(|n| {
            format!(
                "[[phase.step]]\nid = \"s{n}\"\ntitle = \"Step {n}\"\ntimeout = \"30s\"\nestimate = \"1s\"\n\
                 command = [\"sh\", \"-c\", \"echo begin s{n} >> ran; sleep 0.2; echo end s{n} >> ran\"]\n"
            )
        })
        .collect()
}

#[test]
fn killed_at_every_record_every_outcome_is_known_and_every_step_ran_once() {
    let count = if std::env::var_os("CUTOVER_LONG").is_some() { 40 } else { 6 };
    let run = Run::live(&steps(count));
    let mut kills = 0;
    let mut seq = 0;
    loop {
        let mut engine = run.engine();
        let mut driver = run.drive("maria");
        let seen = run.look();
        if seen.state.hold.is_some() {
            driver.ask(Intent::Release).unwrap();
        }
        let over = |s: &Stage| matches!(s, Stage::Over(_));
        let seen = run.until("further", |seen| {
            for (slot, at) in seen.state.steps.iter().enumerate() {
                let step = &seen.plan.steps[slot].id;
                match at.status {
                    // Certain to have never begun.
                    Status::Failed => {
                        let again = driver.ask(Intent::RetryStep { step: step.clone() });
                        assert!(
                            again.is_ok()
                                || run.look().state.step(&seen.plan, step).unwrap().status != Status::Failed
                        );
                    }
                    Status::Unknown => panic!("{step} is unknown: {at:?}\n{}", run.log()),
                    _ => {}
                }
            }
            over(&seen.state.stage) || seen.state.seq > seq + 2
        });
        if over(&seen.state.stage) {
            assert!(wait(&mut engine).success());
            break;
        }
        seq = seen.state.seq;
        kill(&mut engine);
        kills += 1;
    }
    assert!(kills >= count, "{kills}");
    let seen = run.look();
    assert_eq!(seen.state.stage, Stage::Over(Ending::Done));
    let ran = std::fs::read_to_string(run.tmp.path().join("ran")).unwrap();
    for n in 1..=count {
        for edge in ["begin", "end"] {
            let line = format!("{edge} s{n}");
            assert_eq!(ran.lines().filter(|l| *l == line).count(), 1, "{line}\n{ran}");
        }
    }
    let ends =
        run.events().into_iter().filter(|e| matches!(e, Event::StepEnded { outcome: Outcome::Done, .. }));
    assert_eq!(ends.count(), count);
    let verify = Command::new(exe()).arg("verify").arg(&run.path).output().unwrap();
    assert!(verify.status.success(), "{verify:?}");

    let again = Command::new(exe()).arg("__engine").arg(&run.path).output().unwrap();
    assert_eq!(again.status.code(), Some(2), "a run that is over is not taken up");
}

#[test]
fn a_second_engine_is_refused_and_told_who_has_the_run() {
    let run = Run::live(&steps(1));
    let engine = run.engine();
    let second = Command::new(exe()).arg("__engine").arg(&run.path).output().unwrap();
    assert_eq!(second.status.code(), Some(5));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains(&format!("process {}", engine.id())), "{said}");
}

#[test]
fn a_script_that_was_changed_after_the_run_began_is_not_run() {
    use std::os::unix::fs::PermissionsExt;

    let tmp = tempfile::tempdir().unwrap();
    let script = tmp.path().join("point");
    std::fs::write(&script, "#!/bin/sh\necho ran >> ran\n").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let steps = "[[phase.step]]\nid = \"told\"\ntitle = \"Told\"\nmanual = \"Tell them\"\nestimate = \"1s\"\n\
         [[phase.step]]\nid = \"point\"\ntitle = \"Point\"\ncommand = [\"./point\"]\nestimate = \"1s\"\ntimeout = \"30s\"\n";
    let run = Run::below(tmp, steps);
    let mut engine = run.engine();
    let mut maria = run.drive("maria");
    let whole = std::fs::read_to_string(&script).unwrap();
    std::fs::write(&script, "#!/bin/sh\necho other >> ran\n").unwrap();
    maria.ask(Intent::ConfirmStep { step: "told".into(), note: String::new() }).unwrap();
    let failed = |seen: &cutover::session::feed::Snapshot| seen.state.steps[1].status == Status::Failed;
    let seen = run.until("refused", failed);
    assert!(seen.state.steps[1].detail.contains("./point has been changed"), "{:?}", seen.state.steps[1]);
    assert!(!run.tmp.path().join("ran").exists());
    std::fs::write(&script, whole).unwrap();
    maria.ask(Intent::RetryStep { step: "point".into() }).unwrap();
    assert!(wait(&mut engine).success());
    assert_eq!(std::fs::read_to_string(run.tmp.path().join("ran")).unwrap(), "ran\n");
}

#[test]
fn a_run_that_is_over_gives_its_space_back() {
    use std::os::unix::fs::MetadataExt;

    let run = Run::live(&steps(1));
    let mut engine = run.engine();
    let _maria = run.drive("maria");
    assert!(wait(&mut engine).success());
    let taken = run.path.join("journal").metadata().unwrap().blocks() * 512;
    assert!(taken < 1024 * 1024, "{taken}");
    assert!(!run.path.join("reserve").exists());
    assert_eq!(Command::new(exe()).arg("verify").arg(&run.path).output().unwrap().status.code(), Some(0));
}

#[test]
fn a_stopped_engine_is_seen_to_be_silent_and_nobody_is_lost_by_it() {
    let run = Run::live(
        &steps(1)
            .replace(
                "command = [\"sh\", \"-c\", \"echo begin s1 >> ran; sleep 0.2; echo end s1 >> ran\"]",
                "manual = \"?\"",
            )
            .replace("timeout = \"30s\"\n", ""),
    );
    let engine = run.engine();
    let mut maria = run.drive("maria");
    let pid = rustix::process::Pid::from_raw(i32::try_from(engine.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    run.until("silent", |seen| matches!(seen.contact, Contact::Stale(_)));
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    run.until("heard of again", |seen| seen.contact == Contact::Fresh);
    maria.ask(Intent::Note { text: "still here".into() }).unwrap();
    assert!(!run.events().iter().any(|e| matches!(e, Event::OperatorLost { .. })));
}
