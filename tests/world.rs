//! The demo's world as a process: started, moved, broken, killed, and held against what its client wrote.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what a test relies on and does not find fails the test"
)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cutover::databases::sqlite::Sqlite;
use cutover::databases::{Database, Error, FenceSpec, ProbeWrite, Seal, Value};
use cutover::demo::actions::{ActionId, perform};
use cutover::demo::control::{self, Request};
use cutover::demo::summary::{Summary, summary};
use cutover::demo::world::{self, Running};
use cutover::demo::{Dir, Direction, Hold, PRICE_JOB, Side, Status, hold};
use rusqlite::Connection;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);
const PROBE: &str = "insert into orders (id, customer_id, placed_ms, total_cents) values ('probe', 1, 0, 1)";

/// Waits until there is an answer, and says what it waited for when there is none.
fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A world on a folder of its own; killed when the test is over, however it ends.
struct World {
    folder: TempDir,
    child: Child,
    _hold: Hold,
}

impl Drop for World {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(dir: &Path, more: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_cutover"))
        .args(["__world", "--fast", "--dir"])
        .arg(dir)
        .args(more)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn folder() -> TempDir {
    use std::os::unix::fs::PermissionsExt;
    let private = std::fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().permissions(private).tempdir().unwrap()
}

impl World {
    fn start() -> World {
        let folder = folder();
        let held = hold(folder.path()).unwrap();
        let child = spawn(folder.path(), &[]);
        let mut world = World { folder, child, _hold: held };
        world.wait_until_up();
        world
    }

    fn wait_until_up(&mut self) -> Running {
        wait("the world answers", || {
            if let Some(ended) = self.child.try_wait().unwrap() {
                let mut said = String::new();
                self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
                panic!("the world ended with {ended}: {said}");
            }
            world::find(self.path()).unwrap()
        })
    }

    fn kill(&mut self) {
        // SIGKILL; an error says that it is dead already.
        let _dead = self.child.kill();
        self.child.wait().unwrap();
    }

    fn kill_and_start_again(&mut self) -> Running {
        self.kill();
        self.child = spawn(self.path(), &[]);
        self.wait_until_up()
    }

    fn end(&mut self) -> ExitStatus {
        control::tell(self.path(), &Request::End).unwrap();
        self.child.wait().unwrap()
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self, side: Side) -> PathBuf {
        Dir::new(self.path()).database(side)
    }

    fn database(&self, side: Side) -> Sqlite {
        Sqlite::new(self.file(side), Duration::from_secs(10))
    }

    fn status(&self) -> Status {
        control::status(self.path()).unwrap()
    }

    fn wait_for_status(&self, what: &str, good: impl Fn(&Status) -> bool) -> Status {
        wait(what, || Some(self.status()).filter(&good))
    }

    fn wait_for_orders(&self, more: u64) {
        let before = self.status().client.accepted;
        self.wait_for_status("more orders are taken", |s| s.client.accepted >= before + more);
    }

    fn point(&self, to: Side) {
        control::tell(self.path(), &Request::Point { to }).unwrap();
    }

    fn replicate(&self, direction: Direction) {
        control::tell(self.path(), &Request::Replicate { direction }).unwrap();
    }

    fn perform(&self, action: ActionId) {
        perform(self.path(), action).unwrap();
    }

    /// Fences a side, ends whoever is left from before, and seals it.
    fn shut(&self, side: Side) {
        let database = self.database(side);
        run(database.fence(&FenceSpec::default())).unwrap();
        wait("nobody from before is left", || {
            match run(database.seal_if_quiet(&FenceSpec::default())).unwrap() {
                Seal::Sealed(_) => Some(()),
                Seal::NotYet(left) => {
                    for session in left {
                        run(database.end_session(&session.id)).unwrap();
                    }
                    None
                }
            }
        });
    }

    fn wait_until_drained(&self) {
        self.wait_for_status("everything is carried", |s| s.replication.behind == Some(0));
    }
}

fn run<T>(answer: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(answer)
}

/// The oracle once more, without the code that it is to be compared with: every order that the client was
/// told about stands on this side once, whole and paid once. Returns how many there are.
fn acknowledged_orders_stand_once(world: &World, side: Side) -> u64 {
    let log = std::fs::File::open(Dir::new(world.path()).client_log()).unwrap();
    let mut acknowledged: HashMap<String, u32> = HashMap::new();
    for line in BufReader::new(log).lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(words.len(), 6, "{line}");
        if words[5] == "201" {
            *acknowledged.entry(words[3].to_owned()).or_default() += 1;
        }
    }
    let db = Connection::open(world.file(side)).unwrap();
    let sql = "select (select count(*) from orders where id = ?1),
                      (select count(*) from payments where order_id = ?1),
                      (select count(*) from order_lines where order_id = ?1) > 0,
                      (select sum(quantity * price_cents) from order_lines where order_id = ?1)
                        = (select total_cents from orders where id = ?1)";
    let mut query = db.prepare(sql).unwrap();
    for (id, times) in &acknowledged {
        assert_eq!(*times, 1, "{id} was acknowledged {times} times");
        let found: (u64, u64, bool, bool) =
            query.query_row([id], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?))).unwrap();
        assert_eq!(found, (1, 1, true, true), "{id} on the {side}: orders, payments, lines, total");
    }
    acknowledged.len() as u64
}

fn sides(summary: &Summary) -> Vec<Side> {
    summary.stretches.iter().map(|stretch| stretch.side).collect()
}

fn is_refused_by_fence(probe: &ProbeWrite) -> bool {
    matches!(probe, ProbeWrite::Refused { by_fence: true, .. })
}

#[test]
fn the_shop_moves_and_comes_back_and_no_order_is_lost() {
    let mut world = World::start();
    let (source, target) = (world.database(Side::Source), world.database(Side::Target));
    let everybody = FenceSpec::default();
    world.wait_for_orders(50);
    assert_eq!(run(source.probe_write(PROBE, "shop", None)).unwrap(), ProbeWrite::Succeeded);
    assert!(is_refused_by_fence(&run(target.probe_write(PROBE, "shop", None)).unwrap()));

    // The fence holds for who comes now, and its proof passes …
    let fenced_at = run(source.fence(&everybody)).unwrap().at.unwrap();
    assert!(is_refused_by_fence(&run(source.probe_write(PROBE, "shop", None)).unwrap()));
    world.wait_for_status("the front door refuses orders", |s| s.client.refused_since.is_some());
    // … yet one that was there before writes on, and is named.
    wait("the price job writes behind the fence", || {
        let writes = run(source.writes_since(&fenced_at)).unwrap();
        writes.tables.iter().any(|(table, rows)| table == "products" && *rows > 0).then_some(())
    });
    let job = wait("only the price job is left", || {
        let census = run(source.census(&everybody)).unwrap();
        let writers: Vec<_> = census.writers().cloned().collect();
        assert!(!writers.is_empty(), "nobody is left, and the price job was not ended");
        <[_; 1]>::try_from(writers).ok().map(|[only]| only)
    });
    assert_eq!(job.name, PRICE_JOB);
    assert!(matches!(run(source.seal_if_quiet(&everybody)).unwrap(), Seal::NotYet(_)));
    let asked = Instant::now();
    assert!(run(source.end_session(&job.id)).unwrap());
    wait("the price job has gone", || {
        run(source.census(&everybody)).unwrap().writers().next().is_none().then_some(())
    });
    eprintln!("the price job went {:?} after it was asked to", asked.elapsed());
    assert!(matches!(run(source.seal_if_quiet(&everybody)).unwrap(), Seal::Sealed(_)));
    let by_hand = Connection::open(world.file(Side::Source)).unwrap();
    let refused = by_hand.execute("delete from orders", []).unwrap_err().to_string();
    assert!(refused.contains("fenced"), "{refused}");

    // Everything is carried over; then users are, and the target takes their orders.
    world.wait_until_drained();
    let lost = summary(world.path()).unwrap().lost_by_a_script_that_trusts_the_probe.unwrap();
    assert!(lost > 0, "the price job wrote behind the fence, and nothing was counted");
    world.replicate(Direction::Both);
    world.point(Side::Target);
    assert!(world.status().client.refused_since.is_some(), "the target took orders before it was opened");
    run(target.lift()).unwrap();
    world.wait_for_status("the front door takes orders again", |s| s.client.refused_since.is_none());
    let counted = world.wait_for_status("the old side counts down to nothing", |s| {
        s.door.source.last_5s == 0 && s.door.source.open == 0
    });
    assert!(counted.door.target.last_5s > 0);
    let carried = run(target.write_marker("way-back")).unwrap();
    let arrived = wait("the marker has travelled back", || run(source.find_marker("way-back")).unwrap());
    assert_eq!(arrived, carried);
    assert_eq!(world.status().price_job.connected, None, "the price job came back behind the fence");

    // The way back: the source opens last, with the orders that the target took meanwhile.
    world.shut(Side::Target);
    world.wait_until_drained();
    world.point(Side::Source);
    world.replicate(Direction::Forward);
    run(source.lift()).unwrap();
    world.wait_for_status("the front door takes orders again", |s| s.client.refused_since.is_none());
    world.wait_for_orders(50);
    world.wait_for_status("the price job is back", |s| s.price_job.connected.is_some());

    assert!(world.end().success());
    let summary = summary(world.path()).unwrap();
    eprintln!("{summary:#?}");
    let first = summary.stretches[0];
    eprintln!("{} orders in {:?} on the source at first", first.orders, first.to.since(first.from));
    assert_eq!(summary.side, Side::Source);
    assert_eq!((summary.missing, summary.duplicated, summary.unsettled), (0, 0, 0));
    assert!(summary.accepted_by_source >= 100 && summary.accepted_by_target > 0 && summary.refused > 0);
    assert_eq!(summary.outages.len(), 2, "one on the way there, one on the way back");
    assert!(summary.outages.iter().all(|outage| outage.to.is_some()));
    assert_eq!(sides(&summary), [Side::Source, Side::Target, Side::Source]);
    assert_eq!(summary.lost_by_a_script_that_trusts_the_probe, Some(lost));
    assert_eq!(acknowledged_orders_stand_once(&world, Side::Source), summary.accepted);
}

#[test]
fn a_world_that_is_killed_goes_on_where_it_was() {
    let mut world = World::start();
    let first = world::find(world.path()).unwrap().unwrap();
    let rounds = if std::env::var_os("CUTOVER_LONG").is_some() { 60 } else { 3 };
    for round in 0..rounds {
        world.wait_for_orders(10 + 7 * round % 40);
        let again = world.kill_and_start_again();
        assert_eq!((again.door, again.source, again.target), (first.door, first.source, first.target));
    }
    let census = run(world.database(Side::Source).census(&FenceSpec::default())).unwrap();
    let jobs = census.sessions.iter().filter(|session| session.name == PRICE_JOB).count();
    assert!(jobs <= 1, "sessions of dead worlds are still listed: {jobs}");

    // Killed in the middle of the way, it keeps its direction, its fence and where users go.
    world.shut(Side::Source);
    world.wait_until_drained();
    world.replicate(Direction::Both);
    world.point(Side::Target);
    world.kill_and_start_again();
    let status = world.status();
    assert_eq!(status.door.to, Side::Target);
    assert_eq!((status.replication.direction, status.replication.running), (Direction::Both, true));
    assert_eq!(status.client.accepted, 0);
    run(world.database(Side::Target).lift()).unwrap();
    world.wait_for_orders(30);
    world.kill_and_start_again();
    world.wait_for_orders(30);

    assert!(world.end().success());
    let summary = summary(world.path()).unwrap();
    assert_eq!(summary.side, Side::Target);
    assert_eq!((summary.missing, summary.duplicated), (0, 0), "{summary:#?}");
    assert_eq!(sides(&summary), [Side::Source, Side::Target]);
    acknowledged_orders_stand_once(&world, Side::Target);
}

#[test]
fn a_target_that_is_taken_away_is_missed_by_replication_and_by_nobody_else() {
    let mut world = World::start();
    world.wait_for_orders(20);
    world.perform(ActionId::TakeTargetAway);
    let error = run(world.database(Side::Target).position()).unwrap_err();
    assert!(matches!(error, Error::NotReachable { .. }), "{error}");
    let status = world.wait_for_status("the replicator says why", |s| s.replication.trouble.is_some());
    assert_eq!((status.replication.behind, status.target_here), (None, false));
    world.wait_for_orders(20);
    assert_eq!(world.status().client.refused_since, None);

    // Away it stays, over a kill too, until it is brought back; then everything arrives.
    world.kill_and_start_again();
    assert!(!world.status().target_here);
    world.wait_for_orders(20);
    world.perform(ActionId::BringTargetBack);
    world.shut(Side::Source);
    world.wait_until_drained();
    assert!(world.end().success());
    acknowledged_orders_stand_once(&world, Side::Target);
}

#[test]
fn two_sides_that_take_orders_at_once_are_found_out() {
    let mut world = World::start();
    world.wait_for_orders(20);
    assert_eq!(sides(&summary(world.path()).unwrap()), [Side::Source]);
    run(world.database(Side::Target).lift()).unwrap();
    wait("orders are seen to be taken on both sides", || {
        (summary(world.path()).unwrap().stretches.len() >= 5).then_some(())
    });
    // And what the target took is missing where users are.
    assert!(world.end().success());
    assert!(summary(world.path()).unwrap().missing > 0);
}

#[test]
fn an_order_that_goes_missing_is_missed_by_name() {
    let mut world = World::start();
    world.wait_for_orders(10);
    assert!(world.end().success());
    let whole = summary(world.path()).unwrap();
    assert_eq!(whole.missing, 0);
    let db = Connection::open(world.file(Side::Source)).unwrap();
    let lost: String = db
        .query_row("delete from orders where id = (select max(id) from orders) returning id", [], |r| {
            r.get(0)
        })
        .unwrap();
    let short = summary(world.path()).unwrap();
    assert_eq!((short.missing, short.missing_ids), (1, vec![lost]));
    assert_eq!(short.accepted, whole.accepted);
}

#[test]
fn a_folder_may_have_a_longer_name_than_a_socket() {
    let folder = folder();
    let dir = folder.path().join("d".repeat(120));
    let mut child = spawn(&dir, &["--linger", "60"]);
    wait("the world answers", || {
        assert!(child.try_wait().unwrap().is_none(), "the world ended");
        world::find(&dir).unwrap()
    });
    control::tell(&dir, &Request::End).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_stopped_replicator_falls_behind_and_catches_up() {
    let world = World::start();
    world.perform(ActionId::StopReplicator);
    assert!(!world.status().replication.running);
    let applied = run(world.database(Side::Target).applied()).unwrap();
    world.wait_for_status("changes pile up", |s| s.replication.behind > Some(200));
    assert_eq!(run(world.database(Side::Target).applied()).unwrap(), applied);
    world.perform(ActionId::StartReplicator);
    world.shut(Side::Source);
    world.wait_until_drained();
}

#[test]
fn what_strange_hands_do_shows_and_can_be_mended() {
    let world = World::start();
    let target = world.database(Side::Target);
    let single = |sql: &str| run(target.query(sql)).unwrap().single().cloned().unwrap();
    let town = || single("select town from customers where id = 7");
    let (before, start) = (town(), run(target.position()).unwrap());
    world.perform(ActionId::AlterRowOnTarget);
    assert_ne!(town(), before);
    assert_eq!(run(target.writes_since(&start)).unwrap().total, 0, "no log may say so");

    world.perform(ActionId::StrayWriteOnTarget);
    let writes = run(target.writes_since(&start)).unwrap();
    assert!(writes.tables.contains(&("orders".to_owned(), 1)), "{writes:?}");
    let probe = run(target.probe_write(PROBE, "shop", None)).unwrap();
    assert!(is_refused_by_fence(&probe), "the stray hand left it open");

    world.perform(ActionId::MendTarget);
    assert_eq!(town(), before);
    assert_eq!(single("select count(*) from orders where id like 'stray-%'"), Value::Integer(0));

    let source = world.database(Side::Source);
    let schema = run(source.schema()).unwrap();
    world.perform(ActionId::ChangeSourceSchema);
    assert_ne!(run(source.schema()).unwrap(), schema);
    world.perform(ActionId::UndoSourceSchema);
    assert_eq!(run(source.schema()).unwrap(), schema);

    world.point(Side::Target);
    let refused = perform(world.path(), ActionId::MendTarget).unwrap_err().to_string();
    assert!(refused.contains("true ones"), "{refused}");
}

/// One kept connection, as a browser has.
struct Browser(BufReader<TcpStream>);

impl Browser {
    fn open(port: u16) -> Browser {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Browser(BufReader::new(stream))
    }

    fn ask(&mut self, method: &str, path: &str, session: &str, body: &str) -> (u16, serde_json::Value) {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: shop\r\ncookie: a=b; session={session}\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let (mut line, mut status, mut length) = (String::new(), 0, 0);
        loop {
            line.clear();
            self.0.read_line(&mut line).unwrap();
            let head = line.trim_end().to_ascii_lowercase();
            if head.is_empty() {
                break;
            } else if let Some(rest) = head.strip_prefix("http/1.1 ") {
                status = rest.split(' ').next().unwrap().parse().unwrap();
            } else if let Some(rest) = head.strip_prefix("content-length: ") {
                length = rest.parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    fn sign_in(&mut self, password: &str) -> String {
        let credentials = serde_json::json!({ "user": "ana", "password": password });
        let (status, answer) = self.ask("POST", "/login", "", &credentials.to_string());
        assert_eq!((status, &answer["session"]["valid"]), (200, &serde_json::json!(true)));
        answer["session"]["id"].as_str().unwrap().to_owned()
    }
}

#[test]
fn users_sign_in_order_once_and_follow_the_door_on_a_kept_connection() {
    let world = World::start();
    let running = world::find(world.path()).unwrap().unwrap();
    let password = std::fs::read_to_string(Dir::new(world.path()).password()).unwrap();
    let mut browser = Browser::open(running.door);

    let order = r#"{"id":"mine-1","customer":3,"lines":[{"product":5,"quantity":2}]}"#;
    assert_eq!(browser.ask("POST", "/orders", "", order).0, 401);
    assert_eq!(browser.ask("POST", "/login", "", r#"{"user":"ana","password":"guess"}"#).0, 401);
    let session = browser.sign_in(&password);
    assert_eq!(browser.ask("POST", "/orders", &session, order).0, 201);
    assert_eq!(browser.ask("POST", "/orders", &session, order).0, 201, "asked again after a lost answer");
    let db = Connection::open(world.file(Side::Source)).unwrap();
    let payments = "select count(*) from payments where order_id = 'mine-1'";
    assert_eq!(db.query_row(payments, [], |r| r.get::<_, u64>(0)).unwrap(), 1);
    let (status, found) = browser.ask("GET", "/orders/mine-1", &session, "");
    assert_eq!((status, &found["customer"]), (200, &serde_json::json!(3)));
    assert_eq!(browser.ask("GET", "/orders/none", &session, "").0, 404);
    let unknown = r#"{"id":"mine-2","customer":3,"lines":[{"product":99999,"quantity":1}]}"#;
    assert_eq!(browser.ask("POST", "/orders", &session, unknown).0, 422);
    assert_eq!(browser.ask("POST", "/orders", &session, "{").0, 400);

    assert_eq!(browser.ask("GET", "/where", "", "").1["environment"], "demo-dc1");
    world.point(Side::Target);
    assert_eq!(browser.ask("GET", "/where", "", "").1["environment"], "demo-cloud");
    assert_eq!(browser.ask("GET", "/_door", "", "").1["to"], "target");
    let (status, health) = browser.ask("GET", "/health", "", "");
    assert_eq!((status, &health["takes_writes"]), (200, &serde_json::json!(false)));
    let session = browser.sign_in(&password);
    let (status, refused) = browser.ask("POST", "/orders", &session, order);
    assert_eq!((status, &refused["error"]), (503, &serde_json::json!("read-only")));
}

#[test]
fn a_world_that_nobody_holds_ends_by_itself() {
    let folder = folder();
    let held = hold(folder.path()).unwrap();
    let mut child = spawn(folder.path(), &["--linger", "1"]);
    wait("the world answers", || world::find(folder.path()).unwrap());
    let up = Instant::now();
    wait("it has been held for twice its time", || {
        assert!(child.try_wait().unwrap().is_none(), "it ended although it was held");
        (up.elapsed() > Duration::from_secs(2)).then_some(())
    });
    drop(held);
    let ended = wait("it ends", || child.try_wait().unwrap());
    assert!(ended.success(), "{ended}");
    assert!(world::find(folder.path()).unwrap().is_none());
}

#[test]
fn a_second_world_on_one_folder_is_refused_and_names_the_first() {
    let world = World::start();
    let second = spawn(world.path(), &[]).wait_with_output().unwrap();
    assert_eq!(second.status.code(), Some(5));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains(&world.child.id().to_string()), "{said}");
    assert!(world::find(world.path()).unwrap().is_some());
}

#[test]
fn a_port_that_somebody_else_took_is_named_and_not_replaced() {
    let mut world = World::start();
    let running = world::find(world.path()).unwrap().unwrap();
    assert!(world.end().success());
    let taken = wait("the port is free", || std::net::TcpListener::bind(("127.0.0.1", running.door)).ok());
    let second = spawn(world.path(), &[]).wait_with_output().unwrap();
    drop(taken);
    assert_eq!(second.status.code(), Some(3));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains(&running.door.to_string()) && said.contains("front door"), "{said}");
}

#[test]
fn commands_do_what_a_plan_asks_of_the_world() {
    let world = World::start();
    world.wait_for_orders(10);
    let dir = world.path().to_str().unwrap();
    let command = |words: &[&str]| {
        let done = Command::new(env!("CARGO_BIN_EXE_cutover")).args(words).output().unwrap();
        let said = [done.stdout, done.stderr].concat();
        (done.status.code(), String::from_utf8(said).unwrap())
    };
    let (code, said) = command(&["__world-do", dir, "backup"]);
    assert_eq!(code, Some(0), "{said}");
    let backup: serde_json::Value = serde_json::from_str(&said).unwrap();
    let copy = Connection::open(backup["path"].as_str().unwrap()).unwrap();
    let orders: u64 = copy.query_row("select count(*) from orders", [], |r| r.get(0)).unwrap();
    assert_eq!(backup["orders"], orders);
    assert!(orders > 1500);

    assert_eq!(command(&["__world-point", dir, "target"]).0, Some(0));
    assert_eq!(world.status().door.to, Side::Target);
    assert_eq!(command(&["__world-do", dir, "replicate-both"]).0, Some(0));
    assert_eq!(world.status().replication.direction, Direction::Both);
    assert_eq!(command(&["__world-do", dir, "bring-target-back"]).0, Some(3));
    assert_eq!(command(&["__world-do", dir, "dance"]).0, Some(2));
    assert_eq!(command(&["__world-do", "/nowhere", "status"]).0, Some(3));
}

#[test]
fn both_sides_say_who_they_are() {
    let world = World::start();
    let identities = Side::BOTH.map(|side| {
        let database: Arc<dyn Database> = Arc::new(world.database(side));
        let identity = run(database.identity(Some("select name from environment"))).unwrap();
        assert_eq!(identity.row, Some(Value::Text(side.environment().into())));
        identity
    });
    let [source, target] = identities;
    assert!(!source.same_system(&target));
    assert_ne!(source.system, target.system);
}
