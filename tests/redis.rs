//! The Redis engine on real servers: links, the fence, who is connected, identity, what goes wrong.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "tests"
)]

#[path = "asked/mod.rs"]
mod asked;
#[path = "servers/redis.rs"]
mod server;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use asked::{World, probe};
use cutover::clock::Clock;
use cutover::databases::{
    Database, Ends, Error, Fence, FenceSpec, Lag, Link, Position, ProbeWrite, Seal, SessionId, Unit, Value,
    link,
};
use cutover::engine::reading::{Facts, Measure};
use cutover::plan::model::{self, DatabaseKind, FenceTarget, LinkKind, ProbeKind};
use cutover::probes::measure;
use rustix::process::Signal;
use server::{Redis, database};

/// What a plan measures, between these two.
fn gauges(source: &Redis, target: &Redis) -> World {
    World::between(DatabaseKind::Redis, [&source.url(), &target.url()], Vec::new())
}

impl World {
    async fn look(&self, kind: ProbeKind) -> Measure {
        measure(&self.context, &probe(kind, Duration::from_secs(5)), None).await.result.unwrap()
    }
}

/// A gauge that sends a marker goes on behind the fence, which refuses markers, too; and the fence is proved.
#[tokio::test(flavor = "multi_thread")]
async fn the_gauges_of_a_plan_go_on_behind_the_fence() {
    let Pair { source, target, from, .. } = pair(&[]);
    let gauges = gauges(&source, &target);
    let link = || ProbeKind::Link(asked::link(LinkKind::Redis, None));
    let fence = || {
        ProbeKind::Fence(FenceTarget {
            endpoint: "source".into(),
            spare: Vec::new(),
            probe_write: Some(model::ProbeWrite { sql: PROBE.to_owned(), through: None }),
        })
    };
    let first = gauges.look(link()).await;
    assert!(first.pass, "{}", first.text);
    let open = gauges.look(fence()).await;
    assert!(!open.pass && open.text == "takes writes", "{}", open.text);

    from.fence(&FenceSpec::default()).await.unwrap();
    let began = Instant::now();
    loop {
        let seen = gauges.look(link()).await;
        let Facts::Lag(lag) = &seen.facts else { panic!("{seen:?}") };
        assert!(seen.pass, "{}", seen.text);
        if lag.behind == 0 && lag.marker.is_some() && lag.takes_no_marker {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{seen:?}");
    }
    let shut = gauges.look(fence()).await;
    assert!(shut.pass && shut.text == "sealed, probe refused", "{}", shut.text);
    let Facts::Fence(facts) = &shut.facts else { panic!("{shut:?}") };
    assert_eq!(facts.refused.as_deref(), Some("NOREPLICAS"));
}

const PROBE: &str = "SET cutover:probe 1";

struct Pair {
    source: Redis,
    target: Redis,
    from: Arc<dyn Database>,
    to: Arc<dyn Database>,
    link: Arc<dyn Link>,
}

/// A source, and a target that follows it.
fn pair(of_target: &[&str]) -> Pair {
    let (source, target) = (Redis::start(&[]), Redis::start(of_target));
    source.run(&["SET", "environment", "production"]);
    target.follow(&source);
    target.flows();
    let (from, to) = (source.database("source"), target.database("target"));
    let link = link("redis", Ends::new(Arc::clone(&from), Arc::clone(&to))).unwrap();
    Pair { source, target, from, to, link }
}

async fn lag_until(link: &Arc<dyn Link>, wanted: impl Fn(&Result<Lag, Error>) -> bool) -> Result<Lag, Error> {
    let began = Instant::now();
    loop {
        let lag = link.lag().await;
        if wanted(&lag) {
            return lag;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{lag:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn at_zero(lag: &Result<Lag, Error>) -> bool {
    lag.as_ref().is_ok_and(|lag| lag.behind == 0 && lag.stopped.is_none())
}

async fn stopped_with(link: &Arc<dyn Link>, words: &str) {
    let says = |lag: &Result<Lag, Error>| {
        lag.as_ref().is_ok_and(|lag| lag.stopped.as_ref().is_some_and(|why| why.contains(words)))
    };
    lag_until(link, says).await.unwrap();
}

/// A client that stays connected, and what it was answered.
struct Open {
    process: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Open {
    fn new(server: &Redis) -> Open {
        let mut process = server
            .client()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Open { process, answers }
    }

    /// Runs something; the first line of the answer, which is what errors and states have.
    fn run(&mut self, line: &str) -> String {
        writeln!(self.process.stdin.as_mut().unwrap(), "{line}").unwrap();
        let mut said = String::new();
        self.answers.read_line(&mut said).unwrap();
        if said.contains("NOREPLICAS") {
            // An error has an empty line behind it.
            self.answers.read_line(&mut String::new()).unwrap();
        }
        said.trim().to_owned()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_counts_bytes_that_were_applied_and_not_those_that_were_received() {
    let Pair { source, target, from, to, link } = pair(&[]);
    let lag = lag_until(&link, at_zero).await.unwrap();
    assert_eq!((lag.unit, lag.source), (Unit::Bytes, lag.target));
    assert_eq!(from.position().await.unwrap().0.split(':').count(), 2);
    assert!(matches!(from.applied().await, Err(Error::Broken { .. })));

    // The target takes in what comes, and does nothing about it.
    target.run(&["CLIENT", "PAUSE", "60000", "WRITE"]);
    source.run(&["SET", "order", "1"]);
    let end = from.position().await.unwrap();
    let received = || target.info("slave_read_repl_offset") == source.info("master_repl_offset");
    let began = Instant::now();
    while !received() {
        assert!(began.elapsed() < Duration::from_secs(10), "it is not received");
    }
    let lag = link.lag().await.unwrap();
    assert!(lag.behind > 0 && lag.stopped.is_none(), "{lag:?}");
    assert_eq!(target.run(&["EXISTS", "order"]), "0");
    assert!(!link.reached(&end).await.unwrap());

    target.run(&["CLIENT", "UNPAUSE"]);
    lag_until(&link, at_zero).await.unwrap();
    assert_eq!(target.run(&["EXISTS", "order"]), "1");
    assert!(link.reached(&end).await.unwrap());
    assert!(matches!(link.reached(&Position("0/1".to_owned())).await, Err(Error::Broken { .. })));
    assert_eq!(link.gaps(&[]).await.unwrap(), Vec::<String>::new());

    let sent = from.write_marker("link:a:b").await.unwrap();
    lag_until(&link, at_zero).await.unwrap();
    assert_eq!(to.find_marker("link:a:b").await.unwrap(), Some(sent));
    assert_eq!(to.find_marker("other").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_says_what_stopped_it() {
    let Pair { mut source, target, link, .. } =
        pair(&["--key-load-delay", "400", "--loading-process-events-interval-bytes", "1024"]);
    lag_until(&link, at_zero).await.unwrap();
    let before = link.lag().await.unwrap().target;

    target.run(&["REPLICAOF", "NO", "ONE"]);
    let lag = link.lag().await.unwrap();
    assert!(lag.behind > 0 && lag.stopped.as_ref().unwrap().contains("follows nobody"), "{lag:?}");
    assert!(link.reached(&before).await.unwrap(), "it had it when it left");

    // A copy of everything: what was there is gone, and positions say nothing.
    source.run(&["DEBUG", "POPULATE", "5000"]);
    target.follow(&source);
    stopped_with(&link, "is loading").await;
    assert!(!link.reached(&before).await.unwrap());
    lag_until(&link, at_zero).await.unwrap();

    // Its password is not the source's any more.
    source.run(&["CONFIG", "SET", "requirepass", "new"]);
    source.run(&["--pass", "new", "--no-auth-warning", "CLIENT", "KILL", "TYPE", "replica"]);
    let locked = server_link(&source, &target, ":new@");
    stopped_with(&locked, "masterauth").await;
    target.run(&["CONFIG", "SET", "masterauth", "new"]);
    lag_until(&locked, at_zero).await.unwrap();

    // It follows somebody else.
    let other = Redis::start(&[]);
    target.run(&["CONFIG", "SET", "masterauth", ""]);
    target.follow(&other);
    let why = lag_until(&locked, Result::is_err).await.unwrap_err().to_string();
    assert!(why.contains("whose history") && why.contains("REPLICAOF"), "{why}");

    source.kill();
    let why = lag_until(&locked, |lag| matches!(lag, Err(Error::NotReachable { .. }))).await.unwrap_err();
    assert!(why.to_string().starts_with("source is not reachable"), "{why}");
}

fn server_link(source: &Redis, target: &Redis, login: &str) -> Arc<dyn Link> {
    let from = database("source", &format!("redis://{login}127.0.0.1:{}", source.port));
    link("redis", Ends::new(from, target.database("target"))).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_source_is_no_other_source() {
    let (mut source, target) = (Redis::start(&["--appendonly", "no"]), Redis::start(&[]));
    target.follow(&source);
    target.flows();
    let link = server_link(&source, &target, "");
    source.run(&["SET", "a", "1"]);
    lag_until(&link, at_zero).await.unwrap();
    let (before, history) = (link.lag().await.unwrap().source, source.info("master_replid"));
    source.shut_down("SAVE");
    source.up();
    assert_ne!(source.info("master_replid"), history, "it has begun a history anew");
    assert_eq!(source.info("master_replid2"), history);
    lag_until(&link, at_zero).await.unwrap();
    assert!(link.reached(&before).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ends_have_to_be_two_servers_and_one_database() {
    let Pair { source, target, link: whole, .. } = pair(&[]);
    let there = database("source", &source.url());
    let same =
        link("redis", Ends::new(there, database("again", &format!("unix://{}", source.socket().display()))));
    let why = same.unwrap().lag().await.unwrap_err().to_string();
    assert!(why.contains("the same server as source"), "{why}");
    let third = database("target", &format!("{}/3", target.url()));
    let why = link("redis", Ends::new(source.database("source"), third)).unwrap_err().to_string();
    assert!(why.contains("names database 3"), "{why}");
    drop(whole);
    let sqlite = cutover::databases::sqlite::Sqlite::new("/nowhere", Duration::from_secs(1));
    assert!(link("redis", Ends::new(source.database("source"), Arc::new(sqlite))).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_link_does_not_carry_is_named() {
    let Pair { source, target, link, .. } =
        pair(&["--databases", "4", "--maxmemory-policy", "allkeys-random"]);
    source.run(&["-n", "9", "SET", "k", "1"]);
    let one = |gaps: &[String], words: &str| assert!(gaps.len() == 1 && gaps[0].contains(words), "{gaps:?}");
    one(&link.gaps(&[]).await.unwrap(), "no database 9");
    source.run(&["-n", "9", "DEL", "k"]);

    source.run(&["ACL", "SETUSER", "app", "on", "nopass", "~*", "+@all"]);
    one(&link.gaps(&[]).await.unwrap(), "account app is not at the target");
    assert!(link.gaps(&["app".to_owned()]).await.unwrap().is_empty());
    assert!(link.gaps(&["*".to_owned()]).await.unwrap().is_empty());
    target.run(&["ACL", "SETUSER", "app"]);

    target.run(&["CONFIG", "SET", "replica-read-only", "no"]);
    one(&link.gaps(&[]).await.unwrap(), "takes writes of its own");
    target.run(&["CONFIG", "SET", "replica-read-only", "yes"]);

    target.run(&["CONFIG", "SET", "replica-ignore-maxmemory", "no", "maxmemory", "1"]);
    source.run(&["SET", "thrown", "out"]);
    let began = Instant::now();
    while target.info("evicted_keys") == "0" {
        assert!(began.elapsed() < Duration::from_secs(10), "nothing is thrown out");
    }
    one(&link.gaps(&[]).await.unwrap(), "has thrown out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fence_refuses_every_client_at_once_and_what_stood_before_comes_back() {
    let Pair { source, target, from, link, .. } = pair(&[]);
    source.run(&["CONFIG", "SET", "min-replicas-to-write", "1", "min-replicas-max-lag", "7"]);
    let began = Instant::now();
    while source.info("min_slaves_good_slaves") != "1" {
        assert!(began.elapsed() < Duration::from_secs(10), "no replica is good");
    }
    let spec = FenceSpec::default();
    assert_eq!(from.fence_state().await.unwrap().fence, Fence::Open);
    assert_eq!(from.probe_write(PROBE, "cutover", None).await.unwrap(), ProbeWrite::Succeeded);
    assert!(matches!(from.seal_if_quiet(&spec).await, Err(Error::Refused { .. })));
    let (mut old, mut queued) = (Open::new(&source), Open::new(&source));
    assert_eq!(old.run("SET k before"), "OK");
    assert_eq!((queued.run("MULTI"), queued.run("SET k queued")), ("OK".to_owned(), "QUEUED".to_owned()));

    let state = from.fence(&spec).await.unwrap();
    assert_eq!(state.fence, Fence::Sealed);
    let age = Clock::system().now().wall.0 - state.since.unwrap().0;
    assert!((0..60_000).contains(&age), "{age} ms");
    assert_eq!(from.fence(&spec).await.unwrap(), state, "set twice is set once");
    assert_eq!(from.fence_state().await.unwrap(), state);
    assert_eq!(from.seal_if_quiet(&spec).await.unwrap(), Seal::Sealed(state));
    for refused in [
        "SET k after",
        "DEL k",
        "FLUSHALL",
        "EVAL \"return redis.call('SET','k','after')\" 0",
        "FUNCTION LOAD \"#!lua name=f\\nredis.register_function('f', function() return 1 end)\"",
        "INCR n",
    ] {
        let said = old.run(refused);
        assert!(said.contains("NOREPLICAS"), "{refused}: {said}");
    }
    let said = queued.run("EXEC");
    assert!(said.contains("NOREPLICAS"), "{said}");
    assert_eq!(source.run(&["GET", "k"]), "before");
    let census = from.census(&spec).await.unwrap();
    assert!(census.sessions.len() >= 2 && census.writers().next().is_none(), "{census:?}");
    let refused = from.probe_write(PROBE, "cutover", None).await.unwrap();
    assert!(
        matches!(&refused, ProbeWrite::Refused { code, by_fence: true, .. } if code == "NOREPLICAS"),
        "{refused:?}"
    );
    assert!(matches!(from.write_marker("m").await, Err(Error::Refused { code, .. }) if code == "NOREPLICAS"));
    // What is on its way arrives.
    lag_until(&link, at_zero).await.unwrap();
    assert_eq!(target.run(&["GET", "k"]), "before");

    assert_eq!(from.lift().await.unwrap().fence, Fence::Open);
    assert_eq!(source.run(&["CONFIG", "GET", "min-replicas-to-write"]), "min-replicas-to-write\n1");
    assert_eq!(source.run(&["CONFIG", "GET", "min-replicas-max-lag"]), "min-replicas-max-lag\n7");
    assert_eq!(old.run("SET k lifted"), "OK");
    assert_eq!(from.lift().await.unwrap().fence, Fence::Open, "lifted twice is lifted once");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_expire_behind_a_fence_and_their_going_travels() {
    let Pair { source, target, from, link, .. } = pair(&[]);
    source.run(&["SET", "short", "1", "PX", "300"]);
    from.fence(&FenceSpec::default()).await.unwrap();
    let before = from.position().await.unwrap();
    let began = Instant::now();
    while from.position().await.unwrap() == before {
        assert!(began.elapsed() < Duration::from_secs(10), "it does not expire");
    }
    lag_until(&link, at_zero).await.unwrap();
    assert_eq!((source.run(&["DBSIZE"]), target.run(&["DBSIZE"])), ("1".to_owned(), "1".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_forgets_the_fence_and_that_is_seen() {
    let mut source = Redis::start(&[]);
    let from = source.database("source");
    from.fence(&FenceSpec::default()).await.unwrap();
    source.kill();
    assert!(from.fence_state().await.is_err());
    source.up();
    let began = Instant::now();
    let state = loop {
        match from.fence_state().await {
            Ok(state) => break state,
            Err(why) => assert!(began.elapsed() < Duration::from_secs(10), "{why}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(state.fence, Fence::Open);
}

/// The way back: the source is fenced, follows the target, stops to follow it, and is opened.
#[tokio::test(flavor = "multi_thread")]
async fn a_side_that_was_fenced_and_followed_opens_again() {
    let Pair { source, target, from, to, .. } = pair(&[]);
    let spec = FenceSpec::default();
    from.fence(&spec).await.unwrap();
    // A replica takes no writes by itself, and no fence is needed for that.
    assert_eq!(to.fence_state().await.unwrap().fence, Fence::Sealed);
    let refused = to.probe_write(PROBE, "cutover", None).await.unwrap();
    assert!(matches!(&refused, ProbeWrite::Refused { by_fence: true, .. }), "{refused:?}");
    let why = to.lift().await.unwrap_err().to_string();
    assert!(why.contains("REPLICAOF NO ONE"), "{why}");

    target.run(&["REPLICAOF", "NO", "ONE"]);
    assert_eq!(to.lift().await.unwrap().fence, Fence::Open);
    assert_eq!(target.run(&["SET", "after", "1"]), "OK");
    source.follow(&target);
    source.flows();
    let back = link("redis", Ends::new(Arc::clone(&to), Arc::clone(&from))).unwrap();
    lag_until(&back, at_zero).await.unwrap();
    assert_eq!(from.fence_state().await.unwrap().fence, Fence::Sealed, "a replica now");

    to.fence(&spec).await.unwrap();
    source.run(&["REPLICAOF", "NO", "ONE"]);
    assert!(source.run(&["SET", "back", "1"]).contains("NOREPLICAS"), "the fence of before stands yet");
    assert_eq!(from.lift().await.unwrap().fence, Fence::Open);
    assert_eq!(source.run(&["SET", "back", "1"]), "OK");
    assert_eq!(source.run(&["GET", "after"]), "1");
    assert_eq!(to.fence_state().await.unwrap().fence, Fence::Sealed);

    // One that takes writes although it follows: no fence holds it.
    let third = Redis::start(&["--replica-read-only", "no"]);
    third.follow(&source);
    let why = third.database("third").fence(&spec).await.unwrap_err().to_string();
    assert!(why.contains("replica-read-only yes"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_write_goes_by_the_applications_way_and_leaves_nothing() {
    let Pair { source, target, from, to, .. } = pair(&[]);
    source.run(&["ACL", "SETUSER", "app", "on", ">secret", "~app:*", "+@all", "-@admin"]);
    let way = database("way", &format!("redis://app:secret@127.0.0.1:{}", source.port));
    let (there, elsewhere) = (from.identity(None).await.unwrap(), to.identity(None).await.unwrap());
    assert_eq!(way.probe_write("SET app:1 1", "", Some(&there)).await.unwrap(), ProbeWrite::Succeeded);
    assert_eq!(way.probe_write("SET app:1 1", "", Some(&elsewhere)).await.unwrap(), ProbeWrite::Elsewhere);
    let other = way.probe_write("SET theirs 1", "", None).await.unwrap();
    assert!(
        matches!(&other, ProbeWrite::Refused { code, by_fence: false, .. } if code == "NOPERM"),
        "{other:?}"
    );
    for nothing in ["GET app:1", "PING", "NOSUCH 1", "", "SET 'a"] {
        assert!(matches!(way.probe_write(nothing, "", None).await, Err(Error::Broken { .. })), "{nothing}");
    }
    assert_eq!(source.run(&["EXISTS", "app:1"]), "0");
    assert_eq!(target.run(&["EXISTS", "app:1"]), "0");
    from.fence(&FenceSpec::default()).await.unwrap();
    let refused = way.probe_write("SET app:1 1", "", Some(&there)).await.unwrap();
    assert!(matches!(refused, ProbeWrite::Refused { by_fence: true, .. }), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_only_reads_and_identity_is_what_does_not_travel() {
    let Pair { source, target: _target, from, to, .. } = pair(&["--syslog-ident", "redis-cloud"]);
    let (a, b) = (from.identity(None).await.unwrap(), to.identity(None).await.unwrap());
    assert!(a.version.starts_with("Redis ") && a.system == b.system && a.place != b.place);
    assert!(!a.same_system(&b));
    let again = database("again", &format!("unix://{}", source.socket().display()));
    assert!(a.same_system(&again.identity(None).await.unwrap()));
    // A key is the same at both ends; an account and a setting are the server's own.
    for end in [&from, &to] {
        let row = end.identity(Some("GET environment")).await.unwrap().row;
        assert_eq!(row, Some(Value::text("production")));
    }
    let row = to.identity(Some("CONFIG GET syslog-ident")).await.unwrap().row;
    assert_eq!(row, Some(Value::text("redis-cloud")));
    assert_eq!(to.identity(Some("ACL WHOAMI")).await.unwrap().row, Some(Value::text("default")));

    source.run(&["RPUSH", "list", "a", "b"]);
    let rows = from.query("LRANGE list 0 -1").await.unwrap();
    assert_eq!(rows.rows, [vec![Value::text("a")], vec![Value::text("b")]]);
    assert_eq!(from.query("DBSIZE").await.unwrap().single(), Some(&Value::Integer(2)));
    assert_eq!(from.query("GET nothing").await.unwrap().single(), Some(&Value::Null));
    for writes in [
        "DEL list",
        "GETDEL list",
        "EVAL \"return 1\" 0",
        "CONFIG SET maxmemory 1",
        "CONFIG GET *",
        "CONFIG GET requirepass",
        "CONFIG GET maxmemory masterauth",
        "PFCOUNT h",
        "SHUTDOWN",
        "NOSUCH",
        "ACL SETUSER x",
    ] {
        assert!(matches!(from.query(writes).await, Err(Error::Broken { .. })), "{writes}");
    }
    assert!(
        matches!(from.query("LRANGE environment 0 1").await, Err(Error::Refused { code, .. }) if code == "WRONGTYPE")
    );
    assert_eq!(source.run(&["EXISTS", "list"]), "1");
    for said in
        [from.schema().await.err(), from.statement("SET a 1").await.err(), from.sequences().await.err()]
    {
        assert!(said.unwrap().to_string().contains("Redis has no"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_census_names_everybody_but_replicas_and_ourselves() {
    let Pair { source, from, .. } = pair(&[]);
    let mut shop = Open::new(&source);
    assert_eq!(shop.run("CLIENT SETNAME shop"), "OK");
    assert_eq!(shop.run("SET secret-key hunter2"), "OK");
    let census = from.census(&FenceSpec { spare: vec!["shop".to_owned()] }).await.unwrap();
    let [seen] = census.sessions.as_slice() else { panic!("{census:?}") };
    assert_eq!((seen.name.as_str(), seen.account.as_str()), ("shop", "default"));
    assert_eq!(seen.last_statement.as_deref(), Some("set"));
    assert!(seen.spared && seen.client.is_some() && !format!("{seen:?}").contains("hunter2"));
    assert!(from.end_session(&seen.id).await.unwrap());
    assert!(from.census(&FenceSpec::default()).await.unwrap().sessions.is_empty());
    assert!(!from.end_session(&seen.id).await.unwrap());
    assert!(!from.end_session(&SessionId("sqlite:1".to_owned())).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_said_in_its_own_words() {
    let mut server = Redis::start(&["--requirepass", "secret"]);
    let at = |login: &str| database("source", &format!("redis://{login}127.0.0.1:{}", server.port));
    let why = at("").reachable().await.unwrap_err();
    assert_eq!(why.code(), Some("NOAUTH"), "{why}");
    let why = at(":hunter2@").reachable().await.unwrap_err();
    assert!(why.code() == Some("WRONGPASS") && !why.to_string().contains("hunter2"), "{why}");
    let known = at(":secret@");
    known.reachable().await.unwrap();
    let why = database("source", &format!("redis://:secret@127.0.0.1:{}/99", server.port)).reachable().await;
    assert!(why.unwrap_err().to_string().contains("out of range"));

    // It forbids what a fence needs: said before the night, and what to do.
    let set = [
        "--pass",
        "secret",
        "--no-auth-warning",
        "ACL",
        "SETUSER",
        "few",
        "on",
        ">few",
        "~*",
        "+@all",
        "-config",
    ];
    assert_eq!(server.run(&set), "OK");
    let why = at("few:few@").fence_state().await.unwrap_err().to_string();
    assert!(why.contains("cannot be stopped here") && why.contains("+config|set"), "{why}");

    server.signal(Signal::STOP);
    let why = known.within(Duration::from_millis(500)).reachable().await.unwrap_err();
    assert!(matches!(why, Error::TimedOut { .. }), "{why}");
    server.signal(Signal::CONT);
    known.reachable().await.unwrap();

    server.kill();
    let why = known.reachable().await.unwrap_err();
    assert!(matches!(why, Error::NotReachable { .. }), "{why}");
    server.up();
    let began = Instant::now();
    while known.reachable().await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(10), "it does not come back");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_line_believes_whom_it_is_told_to() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(file("cert"), made.cert.pem()).unwrap();
    std::fs::write(file("key"), made.signing_key.serialize_pem()).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = Redis::start(&[
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &file("cert"),
        "--tls-key-file",
        &file("key"),
        "--tls-ca-cert-file",
        &file("cert"),
    ]);
    // The server asks for a certificate of the client's, too.
    let own = format!("cacert={0}&cert={0}&key={1}", file("cert"), file("key"));
    let good = database("source", &format!("rediss://localhost:{port}?{own}"));
    good.reachable().await.unwrap();
    assert!(
        good.identity(None)
            .await
            .unwrap()
            .same_system(&server.database("plain").identity(None).await.unwrap())
    );
    for (address, words) in [
        (format!("rediss://127.0.0.1:{port}?{own}"), "not valid for name"),
        (format!("rediss://localhost:{port}"), "certificate"),
        (format!("rediss://localhost:{}?{own}", server.port), "no answer to connecting"),
        (format!("redis://localhost:{port}"), ""),
    ] {
        let why = database("source", &address).reachable().await.unwrap_err().to_string();
        assert!(why.contains(words), "{address}: {why}");
    }
}
