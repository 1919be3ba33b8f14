//! Steps under their shim: the outcome outlives whoever launched it.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cutover::process::Spec;
use cutover::process::step::{self, Found, Outcome, StepError};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::support::{Attempt, CUTOVER, boot_id, env, exited, gone, kill, long, reason, runs, spec, until};

#[tokio::test]
async fn a_step_leaves_its_code_and_its_output_as_it_came() {
    let step = Attempt::new();
    let exit = step.finish_shell(r"printf 'a\033]52;c;eA==\007\377\n'; echo err >&2; exit 3").await;
    let output = b"a\x1b]52;c;eA==\x07\xff\nerr\n";
    assert_eq!(step.output(), output);
    assert_eq!((exit.outcome.clone(), exit.bytes, exit.cut), (Outcome::Code(3), output.len() as u64, 0));
    assert_eq!(exit.sha256, cutover::journal::Hash::of(output).to_string());
    assert_eq!((exit.left_children, &exit.output_error, &exit.boot_id), (false, &None, &boot_id()));
    assert!(exit.began.real <= exit.ended.real);
    assert_eq!(step.find(), Found::Exited(exit));
    assert!(!step.dir().join("exit.new").exists());
    for name in ["lock", "started", "output", "exit"] {
        assert_eq!(step.dir().join(name).metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    assert_eq!(step.dir().metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn a_signal_that_is_not_ours_is_an_outcome() {
    let exit = Attempt::new().finish_shell("kill -KILL $$").await;
    assert_eq!(exit.outcome, Outcome::Signal(9));
}

#[tokio::test]
async fn a_step_finds_no_input_no_terminal_and_a_session_of_its_own() {
    let step = Attempt::new();
    let script = "read -r line || echo no input; cat < /dev/tty || echo no terminal; cat /proc/$$/stat";
    let exit = step.finish_shell(script).await;
    assert_eq!(exit.outcome, Outcome::Code(0));
    let output = String::from_utf8(step.output()).unwrap();
    assert!(output.contains("no input\n") && output.contains("no terminal\n"), "{output}");
    let stat: Vec<&str> = output.lines().last().unwrap().rsplit_once(") ").unwrap().1.split(' ').collect();
    let [_, shim, group, session, terminal, ..] = stat.as_slice() else { panic!("{output}") };
    assert_eq!((session, *terminal), (shim, "0"));
    assert_ne!(group, session);
}

/// What an engine does, up to the kill -9: launches a step and lives on.
#[tokio::test]
#[ignore = "other tests start this in a process of its own"]
async fn engine() {
    let Some(place) = env::var_os("CUTOVER_TEST_STEP") else { return };
    let place = Path::new(&place);
    let script = fs::read_to_string(place.join("script")).unwrap();
    let spec = spec(&["sh", "-c", &script], place);
    let launched = step::claim(&place.join("copy.1")).unwrap().launch(Path::new(CUTOVER), &spec).unwrap();
    launched.wait().await.unwrap();
}

/// Starts [`engine`] as the leader of a process group.
fn start_engine(step: &Attempt, script: &str) -> std::process::Child {
    fs::write(step.path("script"), script).unwrap();
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "step::engine", "--ignored", "--nocapture"])
        .env("CUTOVER_TEST_STEP", step.place())
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn a_step_outlives_its_killed_engine_and_its_outcome_is_found() {
    for round in 0..if long() { 100 } else { 5 } {
        let step = Attempt::new();
        let script = "echo $$ > pid; while [ ! -e go ]; do sleep 0.01; done; echo finished; exit 42";
        let mut engine = start_engine(&step, script);
        let command = step.pid("pid").await;
        assert_eq!(step.find(), Found::Running, "round {round}");
        kill_process_group(Pid::from_child(&engine), Signal::KILL).unwrap();
        engine.wait().unwrap();
        assert!(runs(command));
        assert_eq!(step.find(), Found::Running);
        fs::write(step.path("go"), "").unwrap();
        let exit = exited(step::wait(&step.dir(), &boot_id()).await.unwrap());
        assert_eq!((exit.outcome, exit.left_children), (Outcome::Code(42), false));
        assert_eq!(step.output(), b"finished\n");
    }
}

#[tokio::test]
async fn an_engine_killed_at_any_moment_leaves_a_step_that_is_told_rightly() {
    for round in 0..if long() { 1_000u64 } else { 30 } {
        let step = Attempt::new();
        let mut engine = start_engine(&step, "echo ran > ran; exit 5");
        // The one place where time is let pass: the kill must fall anywhere between start and end.
        tokio::time::sleep(Duration::from_micros(500 * (round * 7 % 60))).await;
        kill(Pid::from_child(&engine));
        engine.wait().unwrap();
        if !step.dir().join("lock").exists() {
            continue;
        }
        let found = step::wait(&step.dir(), &boot_id()).await.unwrap();
        let ran = step.path("ran").exists();
        match found {
            Found::Exited(exit) => assert_eq!((exit.outcome, ran), (Outcome::Code(5), true)),
            Found::NeverLaunched => assert!(!ran, "round {round}"),
            other => panic!("round {round}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_step_whose_shim_is_killed_too_runs_on_and_ends_unknown() {
    let step = Attempt::new();
    let launched = step.launch(&step.shell("echo $$ > pid; while [ ! -e go ]; do sleep 0.01; done"));
    let command = step.pid("pid").await;
    kill(step.shim().await);
    let waiting = tokio::spawn(launched.wait());
    until("the lock in the command's hands", || (step.find() == Found::Running).then_some(())).await;
    assert!(runs(command));
    fs::write(step.path("go"), "").unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), Found::Unknown);
    assert_eq!(step.find(), Found::Unknown);
}

#[tokio::test]
async fn a_step_without_a_shim_can_be_stopped_by_any_engine() {
    let step = Attempt::new();
    let script = "echo $$ > pid; setsid sh -c 'trap \"\" TERM; echo $$ > child; sleep 1000' & sleep 1000";
    let spec = step.shell(script).grace(Duration::from_millis(300));
    let launched = step.launch(&spec);
    let (command, child) = (step.pid("pid").await, step.pid("child").await);
    kill(step.shim().await);
    let found = step::stop(&step.dir(), &boot_id()).await.unwrap();
    assert_eq!(found, Found::Unknown);
    gone(command).await;
    gone(child).await;
    assert_eq!(launched.wait().await.unwrap(), Found::Unknown);
}

#[tokio::test]
async fn a_step_is_stopped_with_its_children_and_says_so() {
    let step = Attempt::new();
    let script = "trap 'echo bye; exit 0' TERM; sleep 1000 & echo $! > child; wait";
    let launched = step.launch(&step.shell(script));
    let child = step.pid("child").await;
    let found = step::stop(&step.dir(), &boot_id()).await.unwrap();
    assert_eq!(exited(found).outcome, Outcome::Stopped);
    assert_eq!(step.output(), b"bye\n");
    assert!(!runs(child));
    assert_eq!(exited(launched.wait().await.unwrap()).outcome, Outcome::Stopped);
    // Stopping what has ended changes nothing.
    assert_eq!(exited(step::stop(&step.dir(), &boot_id()).await.unwrap()).outcome, Outcome::Stopped);
}

#[tokio::test]
async fn a_step_that_ignores_term_is_killed_when_its_grace_is_over() {
    let step = Attempt::new();
    let script = "trap '' TERM; echo $$ > pid; while :; do sleep 0.05; done";
    let spec = Spec::new(["sh", "-c", script], step.place(), Duration::from_millis(400))
        .unwrap()
        .grace(Duration::from_millis(300));
    let began = Instant::now();
    let exit = step.finish(&spec).await;
    assert_eq!((exit.outcome, exit.left_children), (Outcome::TimedOut, false));
    assert!(began.elapsed() >= Duration::from_millis(700));
    gone(step.pid("pid").await).await;
}

#[tokio::test]
async fn the_time_of_a_step_is_kept_without_an_engine() {
    let step = Attempt::new();
    let script = "echo $$ > pid; sleep 1000";
    let spec = Spec::new(["sh", "-c", script], step.place(), Duration::from_millis(500)).unwrap();
    drop(step.launch(&spec));
    let exit = exited(step::wait(&step.dir(), &boot_id()).await.unwrap());
    assert_eq!(exit.outcome, Outcome::TimedOut);
}

#[tokio::test]
async fn a_child_that_left_the_session_is_an_advisory_and_holds_the_lock() {
    let step = Attempt::new();
    let script = "setsid sh -c 'echo $$ > child; exec sleep 1000' > /dev/null 2>&1 & \
                  while [ ! -s child ]; do sleep 0.01; done; exit 0";
    let exit = step.finish_shell(script).await;
    assert_eq!((exit.outcome, exit.left_children), (Outcome::Code(0), true));
    assert!(step::is_held(&step.dir()).unwrap());
    let child = step.pid("child").await;
    assert!(runs(child));
    kill(child);
    gone(child).await;
    assert!(!step::is_held(&step.dir()).unwrap());
    assert!(!exited(step.find()).left_children);
}

#[tokio::test]
async fn a_child_that_holds_the_output_does_not_hang_the_step() {
    let step = Attempt::new();
    let began = Instant::now();
    let exit = step.finish_shell("sleep 1000 & echo $! > child; exit 0").await;
    assert_eq!((exit.outcome, exit.left_children), (Outcome::Code(0), true));
    assert!(began.elapsed() < Duration::from_secs(15));
    kill(step.pid("child").await);
}

#[tokio::test]
async fn a_flood_fills_no_disk_and_no_memory() {
    let step = Attempt::new();
    let megabytes: u64 = if long() { 1_000 } else { 70 };
    let spec = step.shell(&format!("echo first; head -c {megabytes}M /dev/zero; echo last; sleep 0.3"));
    let launched = step.launch(&spec);
    let shim = step.shim().await;
    let mut waiting = tokio::spawn(launched.wait());
    let mut most = 0;
    let exit = loop {
        // Its own account of the most memory it had, read as long as it is there.
        let status =
            fs::read_to_string(format!("/proc/{}/status", shim.as_raw_nonzero())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        most = most.max(peak.map_or(0, |kib| kib.trim().trim_end_matches(" kB").parse::<u64>().unwrap()));
        if let Ok(done) = tokio::time::timeout(Duration::from_millis(20), &mut waiting).await {
            break exited(done.unwrap().unwrap());
        }
    };
    assert!(most > 0 && most < 64 << 10, "{most} KiB");
    let total = (megabytes << 20) + 11;
    let (head, tail) = (64 << 20, 1 << 20);
    assert_eq!((exit.bytes, exit.cut), (total, total - head - tail));
    let output = step.output();
    let marker = format!("\n[cutover: {} bytes are left out here]\n", exit.cut);
    assert_eq!(output.len() as u64, head + tail + marker.len() as u64);
    let (begin, rest) = output.split_at(usize::try_from(head).unwrap());
    assert!(
        begin.starts_with(b"first\n\0") && rest.starts_with(marker.as_bytes()) && rest.ends_with(b"\0last\n")
    );
    let (end, length) = step::output::tail(&step.dir(), 6).unwrap();
    assert_eq!((end.as_slice(), length), (b"\0last\n".as_slice(), output.len() as u64));
}

#[tokio::test]
async fn the_end_of_an_output_can_be_read_while_the_step_runs() {
    let step = Attempt::new();
    assert_eq!(step::output::tail(&step.dir(), 100).unwrap(), (Vec::new(), 0));
    let launched = step.launch(&step.shell("echo half; while [ ! -e go ]; do sleep 0.01; done; echo whole"));
    let read = || Some(step::output::tail(&step.dir(), 100).unwrap()).filter(|(bytes, _)| bytes == b"half\n");
    until("the first half of the output", read).await;
    fs::write(step.path("go"), "").unwrap();
    launched.wait().await.unwrap();
    assert_eq!(step::output::tail(&step.dir(), 8).unwrap(), (b"f\nwhole\n".to_vec(), 11));
}

#[tokio::test]
async fn a_full_disk_loses_output_but_neither_step_nor_exit() {
    let step = Attempt::new();
    // A limit on the size of files stands for the full disk; the shim must not be killed by it.
    let wrapper = step.path("cutover-limited");
    fs::write(&wrapper, format!("#!/bin/sh\ntrap '' XFSZ\nulimit -f 16\nexec {CUTOVER} \"$@\"\n")).unwrap();
    fs::set_permissions(&wrapper, PermissionsExt::from_mode(0o755)).unwrap();
    let spec = step.shell("head -c 100000 /dev/zero; exit 4");
    let launched = step::claim(&step.dir()).unwrap().launch(&wrapper, &spec).unwrap();
    let exit = exited(launched.wait().await.unwrap());
    assert_eq!((exit.outcome, exit.bytes), (Outcome::Code(4), 100_000));
    assert!(exit.output_error.is_some());
    assert!(step.output().len() < 100_000);
}

#[tokio::test]
async fn what_was_never_started_says_why_and_is_known_not_to_have_run() {
    let step = Attempt::new();
    let exit = step.finish(&spec(&["no-such-tool"], step.place())).await;
    assert!(reason(&exit).starts_with("command not found: no-such-tool; looked in PATH="));

    let step = Attempt::new();
    let huge = "x".repeat(3 << 20);
    let exit = step.finish(&spec(&["echo", &huge], step.place())).await;
    assert!(reason(&exit).starts_with("arguments and environment take 3"), "{}", exit.outcome);

    let step = Attempt::new();
    let exit = step.finish(&spec(&["true"], Path::new("/no/such/folder"))).await;
    assert_eq!(reason(&exit), "the folder to run in, /no/such/folder, is not there");
}

#[tokio::test]
async fn a_secret_is_given_to_the_command_and_stands_nowhere_else() {
    let step = Attempt::new();
    let secret = "correct-horse-battery";
    let script =
        "test \"$TOKEN\" = correct-horse-$PART && echo $$ > pid; while [ ! -e go ]; do sleep 0.01; done";
    let spec = step.shell(script).env(env(&[("TOKEN", secret), ("PART", "battery")]));
    let launched = step.launch(&spec);
    step.pid("pid").await;
    let shim = step.shim().await.as_raw_nonzero();
    for file in ["cmdline", "environ"] {
        let bytes = fs::read(format!("/proc/{shim}/{file}")).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains(secret), "in the shim's {file}");
    }
    fs::write(step.path("go"), "").unwrap();
    launched.wait().await.unwrap();
    for entry in fs::read_dir(step.dir()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains(secret), "in {}", path.display());
    }
}

#[tokio::test]
async fn an_attempt_is_made_once_and_what_was_not_launched_is_known() {
    let step = Attempt::new();
    let claim = step::claim(&step.dir()).unwrap();
    assert!(matches!(step::claim(&step.dir()), Err(StepError::Taken(_))));
    assert_eq!(step.find(), Found::Running);
    drop(claim);
    assert_eq!(step.find(), Found::NeverLaunched);

    let step = Attempt::new();
    let claim = step::claim(&step.dir()).unwrap();
    let spec = step.shell("true");
    assert!(claim.launch(Path::new("/no/such/program"), &spec).is_err());
    assert_eq!(step.find(), Found::NeverLaunched);
}

#[tokio::test]
async fn the_order_in_which_an_outcome_is_found_out() {
    let step = Attempt::new();
    let other_boot = "00000000-0000-4000-8000-000000000000";
    assert_eq!(step.find(), Found::Unknown, "without a folder nothing is known");
    drop(step::claim(&step.dir()).unwrap());
    assert_eq!(step::find(&step.dir(), other_boot).unwrap(), Found::OtherBoot);
    fs::write(step.dir().join("started"), "").unwrap();
    assert_eq!(step.find(), Found::Unknown);
    fs::write(step.dir().join("exit"), "{\"outcome\":{\"code\":0},").unwrap();
    assert_eq!(step.find(), Found::Unknown, "half an exit is none");

    let step = Attempt::new();
    step.finish_shell("exit 6").await;
    assert_eq!(exited(step::find(&step.dir(), other_boot).unwrap()).outcome, Outcome::Code(6));
}

#[tokio::test]
async fn a_shim_started_by_hand_starts_nothing() {
    let step = Attempt::new();
    drop(step::claim(&step.dir()).unwrap());
    for args in [vec!["__step"], vec!["__step", step.dir().to_str().unwrap()]] {
        let status = Command::new(CUTOVER).args(args).stdin(Stdio::null()).stdout(Stdio::null()).status();
        assert!(!status.unwrap().success());
    }
    assert_eq!(step.find(), Found::NeverLaunched);
}

#[tokio::test]
async fn a_shim_told_to_end_ends_its_command() {
    let step = Attempt::new();
    let launched = step.launch(&step.shell("echo $$ > pid; sleep 1000"));
    let command = step.pid("pid").await;
    kill_process(step.shim().await, Signal::TERM).unwrap();
    assert_eq!(exited(launched.wait().await.unwrap()).outcome, Outcome::Stopped);
    gone(command).await;
}

#[tokio::test]
async fn a_shim_killed_at_any_call_is_never_told_wrongly() {
    let mut kills = 0;
    for call in ["openat", "write", "pwrite64", "rename"] {
        for when in 1.. {
            let step = Attempt::new();
            let files = ["lock", "started", "output", "exit", "exit.new"];
            let paths: String = files.map(|name| format!(" -P {}", step.dir().join(name).display())).concat();
            let strace = "strace -f -qq -o /dev/null";
            let inject = format!("-e trace={call} -e inject={call}:signal=KILL:when={when}");
            let wrapper = step.path("cutover-traced");
            fs::write(&wrapper, format!("#!/bin/sh\nexec {strace}{paths} {inject} {CUTOVER} \"$@\"\n"))
                .unwrap();
            fs::set_permissions(&wrapper, PermissionsExt::from_mode(0o755)).unwrap();
            let spec = step.shell("echo ran > ran; echo out; exit 8");
            let launched = step::claim(&step.dir()).unwrap().launch(&wrapper, &spec).unwrap();
            let found = launched.wait().await.unwrap();
            let ran = step.path("ran").exists();
            match found {
                Found::Exited(exit) => {
                    assert_eq!((exit.outcome, ran), (Outcome::Code(8), true), "{call} {when}");
                    break;
                }
                Found::NeverLaunched => assert!(!ran, "{call} {when}"),
                Found::Unknown => assert!(step.dir().join("started").exists(), "{call} {when}"),
                other => panic!("{call} {when}: {other:?}"),
            }
            kills += 1;
        }
    }
    assert!(kills >= 7, "only {kills} kills");
}
