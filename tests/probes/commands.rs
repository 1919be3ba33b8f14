//! Real commands.

use std::time::{Duration, Instant};

use cutover::engine::reading::{Facts, Unmeasured};
use cutover::plan::model::{CommandLine, CommandProbe, Expect, ProbeKind};
use cutover::plan::secret::{Part, Template};
use cutover::probes::measure;

use crate::common::{World, failed, probe};

fn line(script: &str) -> CommandLine {
    CommandLine { argv: ["sh", "-c", script].map(str::to_owned).into(), env: Vec::new() }
}

fn command(script: &str, expect: Expect) -> ProbeKind {
    ProbeKind::Command(CommandProbe { command: line(script), expect })
}

fn at_most(most: f64) -> Expect {
    Expect { at_most: Some(most), ..Expect::default() }
}

#[tokio::test]
async fn an_exit_is_an_answer_where_it_is_the_question() {
    let world = World::new();
    let seen = world.seen(command("exit 0", Expect::default())).await;
    assert_eq!((seen.pass, seen.text.as_str()), (true, "exit 0"));
    let seen = world.seen(command("echo not locked >&2; exit 3", Expect::default())).await;
    assert_eq!((seen.pass, seen.text.as_str()), (false, "exit 3: not locked, expected exit 0"));
    assert!(world.seen(command("exit 2", Expect { exit: Some(2), ..Expect::default() })).await.pass);
}

#[tokio::test]
async fn whatever_is_no_value_is_no_measure() {
    let world = World::new();
    for script in [
        "exit 1",
        "echo 3; exit 1",
        "true",
        "echo",
        "echo NaN",
        "echo -1",
        "echo 1e999",
        "echo '<html>0</html>'",
        "kill -9 $$",
        "no-such-command-here",
        "head -c 2000000 /dev/zero",
    ] {
        let looked = world.look(command(script, at_most(5.0))).await;
        assert!(matches!(looked.result, Err(Unmeasured::Failed(_))), "{script}: {looked:?}");
    }
    let kind = CommandLine { argv: vec!["./not-there".to_owned()], env: Vec::new() };
    let why =
        world.unmeasured(ProbeKind::Command(CommandProbe { command: kind, expect: at_most(5.0) })).await;
    assert!(failed(&why).contains("not found"), "{why:?}");
    let seen = world.seen(command("echo ' 4.5 '", at_most(5.0))).await;
    assert_eq!((seen.pass, seen.facts), (true, Facts::Number { value: 4.5 }));
}

#[tokio::test]
async fn a_command_that_hangs_is_ended_with_everything_it_started() {
    let world = World::new();
    let script =
        format!("sleep 300 & echo $! > {0}/child; echo $$ > {0}/parent; wait", world.path().display());
    let mut hangs = probe(command(&script, at_most(1.0)));
    hangs.timeout = Duration::from_millis(400);
    let began = Instant::now();
    let looked = measure(&world.context, &hangs, None).await;
    assert_eq!(looked.result, Err(Unmeasured::TimedOut(400)));
    assert!(began.elapsed() < Duration::from_secs(5));
    for name in ["parent", "child"] {
        let pid = std::fs::read_to_string(world.path().join(name)).unwrap();
        let gone = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while !gone() && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(gone(), "{name} {pid} lives on");
    }
}

#[tokio::test]
async fn a_secret_reaches_the_command_and_does_not_come_back() {
    let world = World::new();
    std::fs::write(world.path().join("pw"), "hunter2-and-more\n").unwrap();
    let mut command = line("test \"$PW\" = hunter2-and-more && echo \"it is $PW\"; echo \"$PW\" >&2; exit 4");
    command.env.push(("PW".to_owned(), Template::new(vec![Part::File("pw".into())])));
    let looked = world.look(ProbeKind::Command(CommandProbe { command, expect: Expect::default() })).await;
    assert_eq!(looked.result.as_ref().unwrap().text, "exit 4: •••, expected exit 0");
    assert!(looked.raw.contains("it is •••"), "{}", looked.raw);
    assert!(!format!("{looked:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_missing_secret_is_named_and_nothing_is_run() {
    let world = World::new();
    let mut command = line("touch ran");
    command
        .env
        .push(("PW".to_owned(), Template::new(vec![Part::Env("CUTOVER_TEST_SURELY_UNSET".to_owned())])));
    let why = world.unmeasured(ProbeKind::Command(CommandProbe { command, expect: Expect::default() })).await;
    assert!(failed(&why).contains("CUTOVER_TEST_SURELY_UNSET"), "{why:?}");
    assert!(!world.path().join("ran").exists());
}

#[tokio::test]
async fn a_control_refuses_or_does_not() {
    let world = World::new();
    assert_eq!(world.seen(ProbeKind::Control(line("exit 0"))).await.text, "refuses");
    let seen = world.seen(ProbeKind::Control(line("echo open; exit 1"))).await;
    assert_eq!((seen.pass, seen.text.as_str()), (false, "does not refuse, exit 1: open"));
    assert!(matches!(world.unmeasured(ProbeKind::Control(line("exit 127"))).await, Unmeasured::Failed(_)));
}

#[tokio::test]
async fn output_that_changes_is_a_breach_and_is_not_told() {
    let world = World::new();
    let kind = || ProbeKind::Unchanged(line("cat state"));
    std::fs::write(world.path().join("state"), "a\nb\nc\n").unwrap();
    let (seen, baseline) = world.baseline(kind()).await;
    assert_eq!((seen.pass, seen.text.as_str()), (true, "noted, 3 lines"));
    std::fs::write(world.path().join("state"), "a\nc\nsecret address\nb2\n").unwrap();
    let looked = world.against(kind(), &baseline).await;
    let seen = looked.result.unwrap();
    assert!(
        !seen.pass && seen.text.starts_with("the output has lost 1 line and has 2 lines new"),
        "{}",
        seen.text
    );
    assert!(looked.raw.contains("- b\n") && looked.raw.contains("+ secret address\n"), "{}", looked.raw);
    assert!(!format!("{seen:?}").contains("secret address"));
    std::fs::remove_file(world.path().join("state")).unwrap();
    let why = world.against(kind(), &baseline).await.result.unwrap_err();
    assert!(failed(&why).starts_with("exit 1: "), "{why:?}");
}
