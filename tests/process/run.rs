//! `run`: short commands, for probes.

use std::fs;
use std::time::Duration;

use cutover::process::{Ended, Finished, Limits, Spec, detach, run};

use crate::support::{Attempt, env, gone, long, reason_of_run, runs, spec};

async fn finish(spec: &Spec) -> Finished {
    run(spec, Limits::default()).await
}

#[tokio::test]
async fn a_command_gives_its_code_and_both_its_streams() {
    let here = Attempt::new();
    let done = finish(&here.shell("echo out; echo err >&2; exit 3")).await;
    assert!(matches!(done.ended, Ended::Code(3)), "{}", done.ended);
    assert_eq!((done.stdout.text(), done.stderr.text()), ("out\n".to_owned(), "err\n".to_owned()));
    assert!(!done.leaked);
    let done = finish(&here.shell("kill -SEGV $$")).await;
    assert_eq!(done.ended.to_string(), "was ended by SIGSEGV");
}

#[tokio::test]
async fn a_command_gets_its_arguments_folder_and_variables_as_they_are() {
    let here = Attempt::new();
    let hostile = "; rm -rf / $(touch made) `id`\n\t'\"";
    let script = r#"printf '%s|%s|%s' "$1" "$WORD" "$(pwd)""#;
    let spec = spec(&["sh", "-c", script, "sh", hostile], here.place()).env(env(&[("WORD", "a b")]));
    let done = finish(&spec).await;
    assert_eq!(done.stdout.text(), format!("{hostile}|a b|{}", here.place().display()));
    assert!(!here.path("made").exists());
}

#[tokio::test]
async fn a_command_finds_no_input() {
    let here = Attempt::new();
    let done = finish(&here.shell("read -r line || echo none")).await;
    assert_eq!(done.stdout.text(), "none\n");
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_ended_with_its_children() {
    let here = Attempt::new();
    let script = "trap '' TERM; sleep 1000 & echo $! > child; trap 'exit 7' TERM; wait";
    let spec = Spec::new(["sh", "-c", script], here.place(), Duration::from_millis(300))
        .unwrap()
        .grace(Duration::from_millis(300));
    let done = finish(&spec).await;
    assert!(matches!(done.ended, Ended::TimedOut), "{}", done.ended);
    gone(here.pid("child").await).await;
    assert!(done.took >= Duration::from_millis(600), "{:?}", done.took);
}

#[tokio::test]
async fn a_command_that_nobody_waits_for_any_more_is_ended_with_its_children() {
    let here = Attempt::new();
    let spec = here.shell("sleep 1000 & echo $! > child; wait").grace(Duration::from_millis(100));
    let running = tokio::spawn(async move { finish(&spec).await });
    let child = here.pid("child").await;
    assert!(runs(child));
    running.abort();
    gone(child).await;
}

#[tokio::test]
async fn a_child_that_holds_on_to_the_output_is_not_waited_for() {
    let here = Attempt::new();
    let done = finish(&here.shell("echo done; sleep 1000 & echo $! > child; exit 0")).await;
    assert!(done.leaked && done.ended.is_success(), "{}", done.ended);
    assert_eq!(done.stdout.text(), "done\n");
    assert!(done.took < Duration::from_secs(10), "{:?}", done.took);
    gone(here.pid("child").await).await;
}

#[tokio::test]
async fn a_flood_is_counted_and_not_kept() {
    let here = Attempt::new();
    let megabytes: u64 = if long() { 1_000 } else { 70 };
    let before = memory();
    let done = finish(&here.shell(&format!("echo first; head -c {megabytes}M /dev/zero; echo last"))).await;
    let total = (megabytes << 20) + 11;
    assert_eq!((done.stdout.total(), done.stdout.cut()), (total, total - (1 << 20)));
    let text = done.stdout.text();
    assert!(text.starts_with("first\n") && text.ends_with("last\n"));
    assert!(memory() < before + (16 << 10), "{before} KiB before, {} after", memory());
}

/// The most memory that this process ever had, in KiB.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn a_command_that_cannot_start_says_why() {
    let here = Attempt::new();
    let done = finish(&spec(&["no-such-tool"], here.place())).await;
    assert!(reason_of_run(&done).starts_with("command not found: no-such-tool; looked in PATH="));
    let huge = "x".repeat(200 << 10);
    let done = finish(&spec(&["echo", &huge], here.place())).await;
    assert!(reason_of_run(&done).starts_with("arguments and environment take 2"), "{}", done.ended);
    fs::write(here.path("script"), "#!/no/such/interpreter\n").unwrap();
    fs::set_permissions(here.path("script"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let done = finish(&spec(&["./script"], here.place())).await;
    assert!(reason_of_run(&done).starts_with("could not start ./script"), "{}", done.ended);
}

#[tokio::test]
async fn output_that_is_no_text_is_kept_as_it_is() {
    let here = Attempt::new();
    let done = finish(&here.shell(r"printf '\377\000\033[31m\200'")).await;
    assert_eq!(done.stdout.whole().unwrap(), b"\xff\0\x1b[31m\x80");
}

#[tokio::test]
async fn many_commands_at_once_all_end() {
    let here = Attempt::new();
    let specs: Vec<Spec> = (0..64).map(|n| here.shell(&format!("sleep 0.0{n:02}; exit {n}"))).collect();
    let running: Vec<_> =
        specs.into_iter().map(|spec| tokio::spawn(async move { finish(&spec).await })).collect();
    for (n, running) in running.into_iter().enumerate() {
        assert_eq!(running.await.unwrap().ended.to_string(), format!("ended with code {n}"));
    }
}

#[tokio::test]
async fn a_detached_process_writes_to_its_log_and_is_named_for_us() {
    let here = Attempt::new();
    let log = here.path("log");
    let script = "tr '\\0' ' ' < /proc/$$/cmdline; echo; read -r line || echo no input";
    let mut detached = detach("/bin/sh".as_ref(), ["-c", script], Some(&log)).unwrap();
    let status = crate::support::until("the end", || detached.ended().unwrap()).await;
    assert!(status.success());
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.starts_with("cutover -c") && text.ends_with("no input\n"), "{text}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&log.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let error = detach("/no/such/program".as_ref(), [""; 0], None).unwrap_err();
    assert!(error.to_string().starts_with("could not start /no/such/program: "), "{error}");
}
