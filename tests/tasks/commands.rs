//! Commands of steps, through shims, engines that die, and stops; controls and notices.

use std::fs;

use cutover::engine::effect::Effect;
use cutover::engine::event::{AlarmId, Leg, Outcome};
use cutover::engine::reading::Measure;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::common::{End, Folder, appears, attempt, perform};

fn step(id: &str, script: &str) -> String {
    format!(
        "[[phase.step]]\nid = \"{id}\"\ntitle = \"{id}\"\ntimeout = \"30s\"\ncommand = [\"sh\", \"-c\", '''{script}''']\n"
    )
}

#[tokio::test]
async fn a_command_is_told_what_it_is_and_ends_in_one_report() {
    let folder = Folder::with(&format!(
        "{}env = {{ PW = \"${{file:$DIR/pw}}\" }}\n",
        step(
            "say",
            "echo $CUTOVER_RUN $CUTOVER_STEP $CUTOVER_ATTEMPT $PW > said; pwd; test -t 0 || echo no terminal"
        )
    ));
    fs::write(folder.path("pw"), "hunter2").unwrap();
    let mut run = folder.begin();
    run.performer.prepare(&attempt("say", 1, Leg::Forward));
    run.perform("say");
    let end = run.end().await;
    assert_eq!((end.attempt, end.outcome, end.detail.as_str()), (1, Outcome::Done, "exit 0"));
    assert_eq!(fs::read_to_string(folder.path("said")).unwrap(), "L-test say 1 hunter2\n");
    let output = fs::read_to_string(folder.run().join("steps/say.1/output")).unwrap();
    assert_eq!(output.lines().next().unwrap(), folder.dir.path().canonicalize().unwrap().to_str().unwrap());
    assert_eq!(end.bytes, Some(output.len() as u64));
    run.performer.settled().await;
    assert!(run.happened.recv().await.is_none(), "one report and no more");
}

#[tokio::test]
async fn every_way_to_fail_is_told_apart() {
    let folder = Folder::with(
        &[
            step("fails", "echo it is broken >&2; exit 7"),
            step("dies", "kill -9 $$"),
            step("late", "echo begun; sleep 100").replace("30s", "300ms"),
            step("missing", "").replace("[\"sh\", \"-c\", '''''']", "[\"./not-there\"]"),
            step("secret", "true") + "env = { PW = \"${file:$DIR/no-such-secret}\" }\n",
        ]
        .concat(),
    );
    let mut run = folder.begin();
    for (step, outcome, detail) in [
        ("fails", Outcome::Failed { code: Some(7) }, "exit 7: it is broken"),
        ("dies", Outcome::Failed { code: None }, "was ended by"),
        ("late", Outcome::TimedOut, "begun"),
        ("missing", Outcome::NotStarted, "not found"),
        ("secret", Outcome::NotStarted, "no-such-secret"),
    ] {
        run.perform(step);
        let end = run.end().await;
        assert_eq!(end.outcome, outcome, "{step}: {end:?}");
        assert!(end.detail.contains(detail), "{step}: {end:?}");
    }
}

#[tokio::test]
async fn a_command_is_stopped_with_all_it_started_and_only_then_says_so() {
    let folder = Folder::with(&step("long", "sleep 300 & echo $! > child; wait"));
    let mut run = folder.begin();
    run.perform("long");
    let child = appears(&folder.path("child")).await;
    run.performer.start(&[Effect::Stop { step: "long".into(), attempt: 1, leg: Leg::Forward }]);
    assert_eq!(run.end().await.outcome, Outcome::Stopped);
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
}

#[tokio::test]
async fn the_undo_of_a_step_is_a_try_of_its_own() {
    let folder = Folder::with(
        &(step("point", "echo there > at") + "undo = { command = [\"sh\", \"-c\", \"echo back > at\"] }\n"),
    );
    let mut run = folder.begin();
    run.perform("point");
    assert_eq!(run.end().await.outcome, Outcome::Done);
    run.performer.start(&[perform("point", 2, Leg::Undo)]);
    let end = run.end().await;
    assert_eq!((end.attempt, end.leg, end.outcome), (2, Leg::Undo, Outcome::Done));
    assert_eq!(fs::read_to_string(folder.path("at")).unwrap(), "back\n");
}

#[tokio::test]
async fn a_command_outlives_its_engine_and_its_end_is_found() {
    let folder = Folder::with(&step(
        "long",
        "echo $$ > began; until test -e go; do sleep 0.05; done; echo once >> ran; exit 3",
    ));
    let run = folder.begin();
    run.perform("long");
    appears(&folder.path("began")).await;
    drop(run);

    // It still runs when the next engine comes, and that one is told the end.
    let mut run = folder.resume_running("long");
    fs::write(folder.path("go"), "").unwrap();
    assert_eq!(run.end().await.outcome, Outcome::Failed { code: Some(3) });
    drop(run);

    // It ended while nobody was there, and the one after that learns it just the same.
    assert_eq!(folder.resume_running("long").end().await.outcome, Outcome::Failed { code: Some(3) });
    assert_eq!(fs::read_to_string(folder.path("ran")).unwrap(), "once\n");
}

#[tokio::test]
async fn a_command_that_another_engine_started_can_be_stopped() {
    let folder = Folder::with(&step("long", "echo $$ > began; sleep 300"));
    let run = folder.begin();
    run.perform("long");
    appears(&folder.path("began")).await;
    drop(run);
    let mut run = folder.resume_running("long");
    run.performer.start(&[Effect::Stop { step: "long".into(), attempt: 1, leg: Leg::Forward }]);
    assert_eq!(run.end().await.outcome, Outcome::Stopped);
}

#[tokio::test]
async fn what_was_prepared_and_never_started_is_known_and_can_be_done() {
    let folder = Folder::with(&step("say", "echo once >> ran"));
    let run = folder.begin();
    run.performer.prepare(&attempt("say", 1, Leg::Forward));
    drop(run);
    let end = folder.resume_running("say").end().await;
    assert_eq!((end.outcome, end.detail.as_str()), (Outcome::NotStarted, "it was never started"));
    // An intent that was prepared and never recorded does not stand in the way of the same try.
    let mut run = folder.begin();
    run.performer.prepare(&attempt("say", 1, Leg::Forward));
    run.perform("say");
    assert_eq!(run.end().await.outcome, Outcome::Done);
    assert_eq!(fs::read_to_string(folder.path("ran")).unwrap(), "once\n");
}

#[tokio::test]
async fn a_try_that_was_made_is_never_made_again() {
    let folder = Folder::with(&step("say", "echo once >> ran"));
    let mut run = folder.begin();
    run.perform("say");
    assert_eq!(run.end().await.outcome, Outcome::Done);
    run.perform("say");
    let end = run.end().await;
    assert!(end.outcome == Outcome::NotStarted && end.detail.contains("is there already"), "{end:?}");
    assert_eq!(fs::read_to_string(folder.path("ran")).unwrap(), "once\n");
}

#[tokio::test]
async fn a_shim_that_was_killed_leaves_the_outcome_unknown() {
    let folder = Folder::with(&step("long", "echo $PPID > shim; exec sleep 300"));
    let mut run = folder.begin();
    run.perform("long");
    let shim = appears(&folder.path("shim")).await;
    let killed = std::process::Command::new("kill").args(["-9", shim.trim()]).status().unwrap();
    assert!(killed.success());
    // Its command still runs: that is no end. Stopped, it is one that nobody can tell.
    run.performer.start(&[Effect::Stop { step: "long".into(), attempt: 1, leg: Leg::Forward }]);
    let end = run.end().await;
    assert_eq!(end.outcome, Outcome::Unknown, "{end:?}");
}

const CONTROLS: &str = r#"
[[phase.step]]
id = "freeze"
title = "Freeze"
timeout = "30s"
freeze = { enforce = ["deploys", "jobs"] }

[freeze]
controls = [
  { id = "deploys", enforce = ["touch", "$DIR/deploys"], verify = ["test", "-e", "$DIR/deploys"], lift = ["rm", "-f", "$DIR/deploys"] },
  { id = "jobs", enforce = ["sh", "-c", "test ! -e $DIR/broken && touch $DIR/jobs"], verify = ["sh", "-c", "exec test -e $DIR/jobs"], lift = ["rm", "-f", "$DIR/jobs"] },
]
[[freeze.monitor]]
id = "still"
command = ["true"]
every = "1h"
"#;

#[tokio::test]
async fn controls_are_enforced_verified_lifted_and_verified_again() {
    let folder = Folder::with(CONTROLS);
    let mut run = folder.begin();
    run.perform("freeze");
    // Each is looked at before the step says its end.
    for id in ["deploys", "jobs"] {
        loop {
            let reading = run.reading(id).await;
            if matches!(reading.result, Ok(Measure { pass: true, .. })) {
                break;
            }
        }
    }
    let end = run.end().await;
    assert_eq!((end.outcome, end.detail.as_str()), (Outcome::Done, "deploys refuses; jobs refuses"));
    run.performer.start(&[perform("freeze", 2, Leg::Undo)]);
    let end = run.end().await;
    assert_eq!((end.outcome, end.detail.as_str()), (Outcome::Done, "deploys is lifted; jobs is lifted"));
    assert!(!folder.path("deploys").exists() && !folder.path("jobs").exists());
}

#[tokio::test]
async fn a_control_that_does_not_hold_is_named_and_the_others_are_enforced() {
    let folder = Folder::with(CONTROLS);
    fs::write(folder.path("broken"), "").unwrap();
    let mut run = folder.begin();
    run.perform("freeze");
    let end = run.end().await;
    assert_eq!(end.outcome, Outcome::Failed { code: None });
    assert_eq!(end.detail, "jobs does not refuse (ended with code 1); deploys refuses");
}

#[tokio::test]
async fn controls_of_an_engine_that_died_are_asked_how_they_stand() {
    let folder = Folder::with(CONTROLS);
    assert_eq!(folder.resume_running("freeze").end().await.outcome, Outcome::Unknown);
    fs::write(folder.path("deploys"), "").unwrap();
    fs::write(folder.path("jobs"), "").unwrap();
    let End { outcome, detail, .. } = folder.resume_running("freeze").end().await;
    assert_eq!((outcome, detail.as_str()), (Outcome::Done, "deploys refuses; jobs refuses"));
}

/// A server that answers every request with a status, and hands the requests on.
async fn hook(status: &'static str) -> (String, tokio::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (out, requests) = tokio::sync::mpsc::channel(8);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = String::new();
            let mut buffer = [0; 4096];
            while !request.ends_with('}') {
                let n = stream.read(&mut buffer).await.unwrap();
                request.push_str(std::str::from_utf8(&buffer[..n]).unwrap());
            }
            out.send(request).await.unwrap();
            stream
                .write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes())
                .await
                .unwrap();
        }
    });
    (address, requests)
}

fn told(by: &str) -> String {
    format!(
        "[[phase.step]]\nid = \"tell\"\ntitle = \"Tell\"\ntimeout = \"30s\"\nnotify = {{ {by}, text = \"it begins\" }}\n[alarms]\nnotify = {{ {by} }}\n"
    )
}

#[tokio::test]
async fn people_are_told_by_a_webhook() {
    let (address, mut requests) = hook("204 No Content").await;
    let folder = Folder::with(&told(&format!("webhook = \"http://{address}/x\"")));
    let mut run = folder.begin();
    run.perform("tell");
    let end = run.end().await;
    assert_eq!((end.outcome, end.detail.as_str()), (Outcome::Done, "told, 204"));
    assert!(requests.recv().await.unwrap().ends_with(r#"{"text":"it begins"}"#));
    let alarm = Effect::TellAlarm { alarm: AlarmId::Window, text: "the window is over".to_owned() };
    run.performer.start(&[alarm]);
    assert!(requests.recv().await.unwrap().ends_with(r#"{"text":"the window is over"}"#));

    let (address, _requests) = hook("500 Oops").await;
    let mut run = Folder::with(&told(&format!("webhook = \"http://{address}/x\""))).begin();
    run.perform("tell");
    let end = run.end().await;
    assert_eq!((end.outcome, end.detail.as_str()), (Outcome::Failed { code: None }, "answered 500"));
}

#[tokio::test]
async fn people_are_told_by_a_command() {
    let folder =
        Folder::with(&told("command = [\"sh\", \"-c\", \"printf %s \\\"$CUTOVER_TEXT\\\" > told\"]"));
    let mut run = folder.begin();
    run.perform("tell");
    assert_eq!(run.end().await.outcome, Outcome::Done);
    assert_eq!(fs::read_to_string(folder.path("told")).unwrap(), "it begins");
    let alarm = Effect::TellAlarm { alarm: AlarmId::Window, text: "the window is over".to_owned() };
    run.performer.start(&[alarm, Effect::Finish]);
    run.performer.settled().await;
    assert_eq!(fs::read_to_string(folder.path("told")).unwrap(), "the window is over");
}
