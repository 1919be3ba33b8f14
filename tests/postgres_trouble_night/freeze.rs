//! Between the freeze and the switch: whatever somebody changes is said with where, when and who, and keeps the gate
//! shut; and who writes on under the fence is said by name, until they are gone.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::pty::Terminal;
use super::servers::postgres::Postgres;
use super::servers::session::Session;
use super::subscription::{account, subscribed};
use super::watched::{git, ok, says, terraform};
use super::{address, detail, flat, load, plan};

const STOP: &str = "GO / NO-GO   Stop writes";
const INFRA: &str = "resource \"terraform_data\" \"web\" {\n  input = \"small\"\n}\n";

/// What is watched beside the databases.
struct Watched {
    home: TempDir,
    release: Arc<Mutex<String>>,
    url: String,
}

impl Watched {
    async fn new() -> Watched {
        let home = TempDir::new().unwrap();
        let at = home.path();
        fs::create_dir_all(at.join("config")).unwrap();
        fs::write(at.join("config/prices"), "old").unwrap();
        for folder in ["work", "infra"] {
            fs::create_dir(at.join(folder)).unwrap();
        }
        git(at, &["init", "--quiet", "--bare", "--initial-branch=main", "origin.git"]);
        git(&at.join("origin.git"), &["config", "uploadpack.allowFilter", "true"]);
        git(&at.join("work"), &["init", "--quiet", "--initial-branch=main"]);
        fs::write(at.join("infra/main.tf"), INFRA).unwrap();
        terraform(&at.join("infra"), &["init", "-input=false", "-no-color"]);
        terraform(&at.join("infra"), &["apply", "-input=false", "-no-color", "-auto-approve"]);
        let (url, release) = says(&ok("", r#"{"version": "1.4.2"}"#)).await;
        let watched = Watched { home, release, url };
        watched.push("The shop as it is");
        watched
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.home.path().join(name)
    }

    fn push(&self, message: &str) {
        let work = self.at("work");
        fs::write(work.join("file"), message).unwrap();
        git(&work, &["add", "file"]);
        git(&work, &["commit", "--quiet", "-m", message]);
        git(&work, &["push", "--quiet", "../origin.git", "main"]);
    }

    fn state(&self, from: &str, to: &str) {
        let path = self.at("infra/terraform.tfstate");
        let state = fs::read_to_string(&path).unwrap();
        assert!(state.contains(from), "{state}");
        fs::write(&path, state.replace(from, to)).unwrap();
    }
}

/// Who moves the shop owns what is moved, and is no superuser.
fn mover(server: &Postgres) {
    account(server);
    server.sql(
        "shop",
        "alter database shop owner to gauge; alter table numbered owner to gauge; grant pg_signal_backend to gauge;
         do $$ declare it record; begin
           alter schema cutover owner to gauge;
           for it in select oid::regclass as name from pg_class where relnamespace = 'cutover'::regnamespace and relkind = 'r'
           loop execute format('alter table %s owner to gauge', it.name); end loop;
           for it in select oid::regprocedure as name from pg_proc where pronamespace = 'cutover'::regnamespace
           loop execute format('alter function %s owner to gauge', it.name); end loop;
         end $$;
         create role shop login; create role jobs login; create role reports login;
         grant select, insert, update, delete on numbered to shop, jobs, reports",
    );
}

struct Breach<'a> {
    name: &'a str,
    /// The monitor's title on the sheet.
    monitor: &'a str,
    make: Box<dyn FnMut() + 'a>,
    /// What, where, when and who, in its detail.
    words: Vec<String>,
    mend: Box<dyn FnMut() + 'a>,
    /// Two looks.
    limit: Duration,
}

/// Waits until the gate names the monitor; gives the gate's screen and its detail.
fn shown(t: &mut Terminal, breach: &Breach<'_>) -> (Duration, String, String) {
    let began = Instant::now();
    let missing = format!("{} is not well", breach.monitor);
    loop {
        t.pump(Duration::from_millis(20));
        let gate = t.screen();
        if flat(&gate).contains(&missing) {
            let after = began.elapsed();
            t.pump(Duration::from_millis(300));
            let gate = t.screen();
            let detail = detail(t, STOP);
            return (after, gate, detail);
        }
        assert!(began.elapsed() < breach.limit, "{}: not said:\n{gate}", breach.name);
    }
}

fn begins(source: &Postgres, target: &Postgres, watched: &Watched) -> Terminal {
    let home = watched.home.path();
    let sets = [
        format!("source={}", address(source.port, home)),
        format!("target={}", address(target.port, home)),
        format!("app={}", source.url("shop", "shop")),
        format!("remote={}", watched.at("origin.git").display()),
        format!("world={}", watched.home.path().display()),
        format!("url={}", watched.url),
    ];
    let plan = plan("freeze.toml");
    let mut args = vec!["run", plan.to_str().unwrap(), "--as", "lead"];
    for set in &sets {
        args.extend(["--set", set]);
    }
    let mut t = Terminal::start(watched.home.path(), 120, 36, &args);
    t.shows("Type cloud to start");
    t.shows("takes the probe write");
    t.until_typed("cloud");
    t
}

/// Answers what is left to answer, and goes on in spite of what a job has written.
fn waives(t: &mut Terminal) {
    for _ in 0..30 {
        t.pump(Duration::from_millis(700));
        if !t.screen().contains("not answered") {
            break;
        }
        t.text("a");
    }
    t.shows("Not yet: stray writes is not well (w waive)");
    t.pump(Duration::from_millis(500));
    t.text("w");
    t.shows("Go on in spite of stray writes: why?");
    t.text("the job is ours, and off now");
    t.enter();
    t.shows("1 waived");
}

/// Ends the session that is selected in the census.
fn ends(t: &mut Terminal, name: &str) {
    t.pump(Duration::from_millis(300));
    t.text("x");
    t.shows(&format!("Type {name} to end its session"));
    t.text(name);
    t.enter();
}

#[test]
fn a_broken_freeze_and_whoever_writes_on_are_named_with_where_when_and_who() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (source, target) = runtime.block_on(subscribed(""));
    mover(&source);
    mover(&target);
    let watched = runtime.block_on(Watched::new());
    let load = load::begin(&runtime, source.url("shop", "shop"));

    let mut t = begins(&source, &target, &watched);
    t.shows(STOP);
    t.answers_alarms();
    let config = watched.at("config/prices");
    let first = git(&watched.at("work"), &["rev-parse", "HEAD"]);
    let job = std::cell::RefCell::new(None);
    let s = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let look = 2 * (Duration::from_secs(2) + Duration::from_secs(3));
    let mut breaches = [
        Breach {
            name: "a DDL",
            monitor: "schema",
            make: Box::new(|| {
                let mut session = Session::of(&source, "postgres", "console");
                session.run("create index late on numbered (pad)");
                std::thread::sleep(Duration::from_millis(500));
            }),
            words: s(&[
                "watches every object of source",
                "index public.late added",
                "by postgres console from 127.0.0.1",
            ]),
            mend: Box::new(|| {
                source.sql("shop", "drop index late");
            }),
            limit: look,
        },
        Breach {
            name: "a changed file",
            monitor: "config",
            make: Box::new(|| fs::write(&config, "new").unwrap()),
            words: s(&["config/prices changed", "by owner root"]),
            mend: Box::new(|| fs::write(&config, "old").unwrap()),
            limit: look,
        },
        Breach {
            name: "a push",
            monitor: "code",
            make: Box::new(|| watched.push("A fix that could not wait")),
            words: s(&[
                "refs/heads/main moved",
                "A fix that could not wait at 2026-12-05 21:04:05 by Jun <jun@example.net>",
            ]),
            mend: Box::new(|| {
                let back = format!("{first}:main");
                git(&watched.at("work"), &["push", "--quiet", "--force", "../origin.git", &back]);
            }),
            limit: look,
        },
        Breach {
            name: "a new release",
            monitor: "release",
            make: Box::new(|| {
                let headers =
                    "date: Sat, 05 Dec 2026 22:10:00 GMT\r\nlast-modified: Sat, 05 Dec 2026 22:04:05 GMT\r\n";
                *watched.release.lock().unwrap() = ok(headers, r#"{"version": "1.5.0"}"#);
            }),
            words: s(&[
                "/version 1.4.2 became 1.5.0 at 2026-12-05 22:04:05",
                "/version of GET http://127.0.0.1",
            ]),
            mend: Box::new(|| *watched.release.lock().unwrap() = ok("", r#"{"version": "1.4.2"}"#)),
            limit: look,
        },
        Breach {
            name: "a drifted resource",
            monitor: "infra",
            make: Box::new(|| watched.state("\"small\"", "\"large\"")),
            words: s(&["terraform_data.web is not as configured", "so since"]),
            mend: Box::new(|| watched.state("\"large\"", "\"small\"")),
            limit: Duration::from_secs(30),
        },
        Breach {
            name: "a job on the target",
            monitor: "stray writes",
            make: Box::new(|| {
                let mut session = Session::of(&target, "jobs", "nightly");
                session.run("insert into numbered values (8, 1, 'by a job')");
                *job.borrow_mut() = Some(session);
            }),
            words: s(&[
                "rows on target that replication",
                "public.numbered 8, 1 insert at ",
                "by jobs nightly from 127.0.0.1",
            ]),
            mend: Box::new(|| drop(job.borrow_mut().take())),
            limit: look,
        },
    ];
    let code = t.answer();
    for breach in &mut breaches {
        (breach.make)();
        let (after, gate, detail) = shown(&mut t, breach);
        let whole = flat(&detail);
        let told = whole.split(" breach ").nth(1).and_then(|rest| rest.split(" How it is").next());
        let told = told.unwrap_or_else(|| panic!("no breach is told:\n{detail}"));
        println!("{}: said after {:.1} s: {told}", breach.name, after.as_secs_f64());
        for words in &breach.words {
            assert!(whole.contains(words), "{}: {words:?} is not said:\n{detail}", breach.name);
        }
        assert!(gate.contains("1 warning to answer"), "an alarm stands:\n{gate}");
        t.go_is_refused(STOP, &code);
        (breach.mend)();
        if breach.monitor != "stray writes" {
            t.answers_alarms();
        }
    }
    // What was written stays written: a person says why they go on.
    waives(&mut t);

    // One that was there before and writes on, one that only is there, and one whose account has a setting of its own;
    // the first two nobody can end who moves the shop.
    let mut nightly = Session::of(&source, "postgres", "nightly-job");
    nightly
        .run_on("insert into numbered select 5, coalesce(max(n), 0) + 1, 'a job' from numbered where w = 5");
    let console = Session::of(&source, "postgres", "dba-console");
    source.sql("shop", "alter role reports set default_transaction_read_only = off");
    t.go();
    t.shows("nightly-job and 1 more still here");
    let _reporting = Session::of(&source, "reports", "reporting");
    t.shows("nightly-job and 2 more still here");
    t.shows("4 the sessions, x ends one");
    t.text("4");
    t.shows("Sessions older than the fence");
    t.pump(Duration::from_millis(500));
    let census = flat(&t.screen());
    for who in [
        "nightly-job postgres on source",
        "dba-console postgres on source",
        "from 127.0.0.1, superuser: only one can end it",
        "reporting reports on source",
        "from 127.0.0.1, account has a setting of its own",
    ] {
        assert!(census.contains(who), "{who:?} in\n{}", t.screen());
    }
    t.text("G");
    ends(&mut t, "reporting");
    t.gone("reports on source");
    ends(&mut t, "dba-console");
    t.shows("dba-console goes on: source refused ending a session: must be a superuser");
    t.text("1");
    t.shows("nightly-job and 1 more still here");
    let done = "✓ Writes are fenced on the source";
    assert!(!t.screen().contains(done), "{}", t.screen());
    drop((nightly, console));
    t.shows("GO / NO-GO   Send users to the cloud");
    waives(&mut t);
    assert!(!watched.at("switched").exists());
    t.go();
    t.shows("Planned and actual");
    assert!(watched.at("switched").exists());
    println!("{} orders taken", load.taken());
    t.text("q");
    assert_eq!(t.exit(), 0);
}
