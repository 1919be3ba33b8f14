//! The same looks from another host: this one, over a real sshd of the tests' own.

use std::fs;
use std::path::Path;
use std::time::Duration;

use cutover::engine::reading::Unmeasured;
use cutover::plan::model::{CommandLine, CommandProbe, Expect, ProbeKind, SshHost};
use cutover::plan::secret::{Part, Template};
use cutover::probes::{Looked, measure};

use crate::common::{World, failed, findings, probe};
use crate::sshd::Sshd;

/// Starts a server whose commands find what is in `path`, and makes a world that reaches it as `far`.
fn world(path: &str) -> (World, Sshd) {
    let mut world = World::new();
    let sshd = Sshd::start(world.path(), path);
    world.context.ssh.clone_from(&sshd.ssh);
    (world, sshd)
}

/// Where the far side finds this program, and what the commands of the tests need.
fn with_cutover() -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_cutover"));
    format!("{}:/usr/bin:/bin", program.parent().unwrap().display())
}

async fn from(world: &World, host: &str, kind: ProbeKind) -> Looked {
    let mut probe = probe(kind);
    probe.from = Some(SshHost(host.to_owned()));
    probe.timeout = Duration::from_secs(30);
    measure(&world.context, &probe, None).await
}

fn command(script: &str, expect: Expect) -> CommandProbe {
    let argv = ["sh", "-c", script].map(str::to_owned).into();
    CommandProbe { command: CommandLine { argv, env: Vec::new() }, expect }
}

#[tokio::test]
async fn a_look_from_another_host_is_the_same_look() {
    let (world, _sshd) = world(&with_cutover());
    let kind =
        command("test -n \"$SSH_CONNECTION\" && echo 3", Expect { at_most: Some(5.0), ..Expect::default() });
    let looked = from(&world, "far", ProbeKind::Command(kind)).await;
    let seen = looked.result.unwrap();
    assert_eq!((seen.pass, seen.text.as_str()), (true, "3, at most 5"));
    assert!(looked.query.starts_with("from far: sh -c "), "{}", looked.query);

    let looked = from(
        &world,
        "far",
        ProbeKind::Command(command("echo NaN", Expect { at_most: Some(5.0), ..Expect::default() })),
    )
    .await;
    assert_eq!(failed(&looked.result.unwrap_err()), "the answer is no number: “NaN”");
}

#[tokio::test]
async fn a_baseline_is_taken_there_and_kept_here() {
    let (world, _sshd) = world(&with_cutover());
    fs::create_dir(world.path().join("app")).unwrap();
    fs::write(world.path().join("app/a"), "1").unwrap();
    let tree = ProbeKind::Tree { paths: vec![world.path().join("app").display().to_string()] };
    let first = from(&world, "far", tree.clone()).await;
    assert_eq!(first.result.unwrap().text, "noted, 1 file");
    fs::write(world.path().join("app/b"), "2").unwrap();
    let mut again = probe(tree);
    again.from = Some(SshHost("far".to_owned()));
    let looked = measure(&world.context, &again, first.baseline.as_ref()).await;
    let seen = looked.result.unwrap();
    assert!(!seen.pass && findings(&seen)[0].what.ends_with("app/b"), "{seen:?}");
    assert!(looked.baseline.is_none());
}

#[tokio::test]
async fn a_secret_gets_there_and_does_not_come_back() {
    let (world, _sshd) = world(&with_cutover());
    fs::write(world.path().join("pw"), "hunter2-far").unwrap();
    let mut kind = command("echo \"got $PW\"", Expect::default());
    kind.command.env.push(("PW".to_owned(), Template::new(vec![Part::File("pw".into())])));
    let looked = from(&world, "far", ProbeKind::Command(kind)).await;
    assert!(looked.raw.contains("got •••"), "{looked:?}");
    assert!(!format!("{looked:?}").contains("hunter2"), "{looked:?}");
}

#[tokio::test]
async fn a_host_without_this_program_and_one_that_is_not_there_are_told_apart() {
    let (world, _sshd) = world("/nowhere");
    let looked = from(&world, "far", ProbeKind::Command(command("true", Expect::default()))).await;
    let why = looked.result.unwrap_err();
    assert!(failed(&why).contains("far has no cutover in its PATH"), "{why:?}");
    let looked =
        from(&world, "no-such-host.invalid", ProbeKind::Command(command("true", Expect::default()))).await;
    let why = looked.result.unwrap_err();
    assert!(
        matches!(&why, Unmeasured::NotReachable(text) if text.starts_with("ssh to no-such-host.invalid")),
        "{why:?}"
    );
}

#[tokio::test]
async fn a_host_is_no_option() {
    let world = World::new();
    let looked =
        from(&world, "-oProxyCommand=touch ran", ProbeKind::Command(command("true", Expect::default())))
            .await;
    assert!(looked.result.is_err(), "{looked:?}");
    assert!(!world.path().join("ran").exists());
}
