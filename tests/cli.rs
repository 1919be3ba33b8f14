//! The command line as scripts see it: what it prints, and with which number it ends.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::format_collect,
    reason = "what a test relies on and does not find fails the test"
)]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use cutover::session::client::{Client, Hello};
use serde_json::{Value, json};

/// A machine of its own: no settings, no runs, no colours.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Machine {
        Machine(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
        command
            .args(words)
            .current_dir(self.path())
            .env("XDG_STATE_HOME", self.path().join("state"))
            .env("XDG_CONFIG_HOME", self.path().join("config"))
            .env("HOME", self.path())
            .env_remove("SUDO_USER")
            .stdin(Stdio::null());
        command
    }

    fn cutover(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    fn json(&self, words: &[&str]) -> Value {
        let done = self.cutover(words);
        serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{words:?}: {error}\n{done:?}"))
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A plan whose steps are given.
    fn plan(&self, steps: &str) -> &'static str {
        let head = "[plan]\nname = \"Night\"\nstrategy = \"near-zero-downtime\"\nsource = \"dc1\"\ntarget = \"cloud\"\n\
             window = { opens = \"start\", length = \"1h\" }\n[[phase]]\nid = \"one\"\ntitle = \"One\"\nt0 = true\n";
        self.write("plan.toml", &format!("{head}{steps}"));
        "plan.toml"
    }

    /// A rehearsal that has come to its end; the run's id.
    fn rehearsed(&self) -> String {
        let done = self.cutover(&["rehearse", self.plan(STEPS), "--auto", "go", "--speed", "60"]);
        assert_eq!(code(&done), 0, "{done:?}");
        self.json(&["runs", "--json"])[0]["run"].as_str().unwrap().to_owned()
    }

    fn run(&self, id: &str) -> PathBuf {
        self.path().join("state/cutover/runs").join(id)
    }
}

impl Drop for Machine {
    /// An engine that was left behind would hold its folder for ever.
    fn drop(&mut self) {
        let runs = std::fs::read_dir(self.path().join("state/cutover/runs")).into_iter().flatten().flatten();
        for run in runs {
            let pid = std::fs::read_to_string(run.path().join("lock")).ok();
            let pid = pid.and_then(|lock| lock.split(' ').next()?.parse().ok());
            if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw)
                && std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero()))
                    .is_ok_and(|line| String::from_utf8_lossy(&line).contains(&*run.path().to_string_lossy()))
            {
                let _gone = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
}

const STEPS: &str = "[[phase.step]]\nid = \"backup\"\ntitle = \"Backup\"\ncommand = [\"true\"]\nestimate = \"2s\"\ntimeout = \"1m\"\n\
     [[phase.step]]\nid = \"go\"\ntitle = \"Go\"\ngate = { after = \"on\" }\n\
     [[phase.step]]\nid = \"told\"\ntitle = \"Told\"\nmanual = \"Tell them\"\nestimate = \"2s\"\n";

fn code(done: &Output) -> i32 {
    done.status.code().unwrap_or_else(|| panic!("ended by a signal: {done:?}"))
}

fn out(done: &Output) -> String {
    String::from_utf8(done.stdout.clone()).unwrap()
}

fn err(done: &Output) -> String {
    String::from_utf8(done.stderr.clone()).unwrap()
}

#[test]
fn exit_0_done() {
    let machine = Machine::new();
    let id = machine.rehearsed();
    let runs = machine.json(&["runs", "--json"]);
    assert_eq!((&runs[0]["standing"], &runs[0]["mode"]), (&"done".into(), &"rehearsal".into()));
    let status = machine.json(&["status", &id, "--json"]);
    assert_eq!(status["standing"], "done");
    assert_eq!(status["steps"][0]["status"], "done");
    assert!(out(&machine.cutover(&["status", &id])).starts_with("REHEARSAL 1 Night: done"));
    assert_eq!(code(&machine.cutover(&["verify", &id])), 0);
    for words in [&["--help"][..], &["--version"], &["man"], &["completions", "bash"], &["schema"], &["keys"]]
    {
        let done = machine.cutover(words);
        assert_eq!(code(&done), 0, "{words:?}");
        assert!(!done.stdout.is_empty(), "{words:?}");
    }
}

#[test]
fn the_convention_is_installed_once_and_says_what_it_added() {
    let machine = Machine::new();
    let db = rusqlite::Connection::open(machine.path().join("shop.db")).unwrap();
    db.execute_batch("create table orders (id integer primary key); create table log (line text)").unwrap();
    let objects = || {
        let sql = "select group_concat(name || coalesce(sql, ''), ';') from (select * from sqlite_schema order by name)";
        db.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap()
    };
    let done = machine.cutover(&["convention", "shop.db"]);
    assert_eq!(code(&done), 0, "{done:?}");
    let said = out(&done);
    assert!(said.starts_with("shop.db has the convention now"), "{said}");
    assert!(said.contains("orders: its changes are logged"), "{said}");
    assert!(said.contains("log: left out, it has no primary key"), "{said}");
    let before = objects();
    assert!(before.contains("cutover_log_insert_orders") && !before.contains("insert_log"), "{before}");
    db.execute_batch("insert into orders values (1)").unwrap();
    let done = machine.cutover(&["convention", "shop.db", "--table", "orders"]);
    assert!(out(&done).starts_with("shop.db had the convention already"), "{done:?}");
    assert_eq!(objects(), before);
    let logged: u64 = db.query_row("select count(*) from cutover_change", [], |row| row.get(0)).unwrap();
    assert_eq!(logged, 1, "what is there stays");
    let done = machine.cutover(&["convention", "shop.db", "--table", "log"]);
    assert_eq!(code(&done), 2);
    assert!(err(&done).contains("no primary key"), "{}", err(&done));
    rusqlite::Connection::open(machine.path().join("bare.db"))
        .unwrap()
        .execute_batch("create table t (a)")
        .unwrap();
    assert_eq!(code(&machine.cutover(&["convention", "bare.db"])), 2);
    let done = machine.cutover(&["convention", "none.db"]);
    assert_eq!(code(&done), 3);
    assert!(
        err(&done).contains("not reachable") && !machine.path().join("none.db").exists(),
        "{}",
        err(&done)
    );
}

#[test]
fn two_databases_are_compared_and_every_row_that_differs_is_named() {
    let machine = Machine::new();
    let make = |name: &str, more: &str| {
        let db = rusqlite::Connection::open(machine.path().join(name)).unwrap();
        db.execute_batch(&format!(
            "create table orders (id integer primary key, who text, cents int);
             insert into orders with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000)
               select i, 'c' || i, i * 3 from n;
             create table notes (a text, b blob); insert into notes values ('x', x'00ff'), ('y', null); {more}"
        ))
        .unwrap();
    };
    make("source.db", "");
    make("same.db", "");
    make(
        "other.db",
        "update orders set who = 'Zoë' where id = 77; delete from orders where id = 9;
         insert into orders values (9001, 'new', 1); insert into notes values ('x', x'00ff');
         create table more (id integer primary key)",
    );
    let done = machine.cutover(&["compare", "source.db", "same.db"]);
    assert_eq!(code(&done), 0, "{done:?}");
    assert!(out(&done).contains("same: 2 tables, 3 002 rows on each side"), "{}", out(&done));

    let done = machine.cutover(&["compare", "source.db", "other.db"]);
    assert_eq!(code(&done), 1, "{done:?}");
    for said in [
        "id 9: missing at the target",
        "id 77: who 'c77' became 'Zoë'",
        "id 9001: only at the target",
        "a 'x', b x'00ff': only at the target",
        "more: only the target has the table",
        "different: 4 rows in 3 of 3 tables",
    ] {
        assert!(out(&done).contains(said), "{said} in {}", out(&done));
    }

    let said = machine.json(&["compare", "source.db", "other.db", "--json", "--tables", "orders,notes"]);
    assert_eq!(said["verdict"], "different");
    let named: Vec<(&str, &str, &Value)> = said["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["table"].as_str().unwrap(), one["kind"].as_str().unwrap(), &one["key"]))
        .collect();
    let (nine, changed, new) = (json!({ "id": 9 }), json!({ "id": 77 }), json!({ "id": 9001 }));
    let note = json!({ "a": "x", "b": { "bytes": "00ff" } });
    assert_eq!(
        named,
        [
            ("notes", "extra", &note),
            ("orders", "missing", &nine),
            ("orders", "changed", &changed),
            ("orders", "extra", &new)
        ]
    );
    assert_eq!(said["differences"][2]["columns"], json!(["who"]));
    assert_eq!(said["differences"][2]["target"]["who"], "Zoë");

    let quick = machine.json(&["compare", "source.db", "other.db", "--json", "--quick", "--except", "more"]);
    assert_eq!((&quick["verdict"], &quick["differences"]), (&json!("different"), &json!([])));
    assert_eq!(quick["tables"][1]["changed"], 1);

    let slip = machine.cutover(&["compare", "source.db", "same.db", "--tables", "nothing*"]);
    assert_eq!(code(&slip), 3, "{slip:?}");
    assert!(out(&slip).contains("matches no table of either side"), "{}", out(&slip));
    let itself = machine.cutover(&["compare", "source.db", "source.db"]);
    assert_eq!(code(&itself), 3, "{itself:?}");
    for (other, why) in [("none.db", "is no file or folder"), (".", "a database and a tree of files")] {
        let done = machine.cutover(&["compare", "source.db", other]);
        assert_eq!(code(&done), 2, "{done:?}");
        assert!(err(&done).contains(why), "{}", err(&done));
    }
}

#[test]
fn exit_2_plan_or_usage() {
    let machine = Machine::new();
    let wrong = machine.plan("[[phase.step]]\nid = \"x\"\ntitle = \"X\"\ncomand = [\"true\"]\n");
    let done = machine.cutover(&["check", wrong]);
    assert_eq!(code(&done), 2);
    assert!(out(&done).contains("comand"), "{}", out(&done));
    let found = machine.json(&["check", wrong, "--json"]);
    assert!(found["errors"].as_u64().unwrap() >= 1, "{found}");
    for words in [
        &["dance"][..],
        &[],
        &["check"],
        &["check", "nowhere.toml"],
        &["rehearse", wrong, "--auto", "go"],
        &["rehearse", wrong, "--speed", "0"],
        &["status"],
        &["status", "L-nobody"],
        &["verify", "/nowhere"],
        &["run"],
        &["run", "nowhere.toml", "--as", "maria"],
        &["run", "--resume", "L-nobody"],
        &["demo"],
    ] {
        let done = machine.cutover(words);
        assert_eq!(code(&done), 2, "{words:?}: {done:?}");
        assert!(!done.stderr.is_empty() || !done.stdout.is_empty(), "{words:?} says why");
    }
}

#[test]
fn the_cockpit_without_a_terminal_says_what_to_use_instead_and_makes_nothing() {
    let machine = Machine::new();
    let plan = machine.plan(STEPS);
    for words in [&["run", plan, "--as", "maria"][..], &["rehearse", plan, "--as", "maria"]] {
        let done = machine.command(words).env_remove("TERM").output().unwrap();
        assert_eq!(code(&done), 2, "{words:?}: {done:?}");
        assert!(err(&done).contains("terminal"), "{}", err(&done));
    }
    assert!(!machine.path().join("state/cutover/runs").exists());
}

#[test]
fn what_is_wrong_with_a_plan_is_told_before_a_terminal_is_missed() {
    let machine = Machine::new();
    let plan = machine.plan("[[phase.step]]\nid = \"go\"\ntitle = \"Go\"\nmanul = \"Go?\"\n");
    for words in [&["run", plan, "--as", "maria"][..], &["rehearse", plan, "--as", "maria"]] {
        let done = machine.command(words).env_remove("TERM").output().unwrap();
        assert_eq!(code(&done), 2, "{words:?}: {done:?}");
        assert!(err(&done).contains("manul") && !err(&done).contains("terminal"), "{}", err(&done));
    }
}

#[test]
fn exit_3_not_proved() {
    let machine = Machine::new();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let done = machine.command(&["keys"]).stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(code(&done), 3, "{done:?}");
    assert!(err(&done).contains("could not write"), "{}", err(&done));
}

#[test]
fn exit_4_journal_damaged() {
    let machine = Machine::new();
    let id = machine.rehearsed();
    let journal = machine.run(&id).join("journal");
    let mut bytes = std::fs::read(&journal).unwrap();
    let lines: Vec<usize> =
        bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(i, _)| i + 1).collect();
    let (begin, at) = (lines[3], lines[3] + 100);
    bytes[at] ^= 1;
    std::fs::write(&journal, bytes).unwrap();
    let done = machine.cutover(&["verify", &id]);
    assert_eq!(code(&done), 4);
    assert!(out(&done).contains(&format!("record 4 at byte {begin}")), "{}", out(&done));
    let found = machine.json(&["verify", &id, "--json"]);
    assert_eq!(found["class"], "corrupt");
    assert_eq!((found["seq"].as_u64(), found["offset"].as_u64()), (Some(4), Some(begin as u64)));
    assert_eq!(machine.json(&["runs", "--json"])[0]["standing"], "damaged");
    assert_eq!(code(&machine.cutover(&["status", &id])), 4);
    assert_eq!(code(&machine.cutover(&["run", "--resume", &id])), 4);
    let engine = machine.cutover(&["__engine", machine.run(&id).to_str().unwrap()]);
    assert_eq!(code(&engine), 4, "{engine:?}");
}

#[test]
fn events_that_stand_beside_the_record_are_part_of_it() {
    let machine = Machine::new();
    let steps: String = (0..900)
        .map(|n| {
            format!(
                "[[phase.step]]\nid = \"step-number-{n}\"\ntitle = \"S\"\nmanual = \"?\"\nestimate = \"1s\"\n"
            )
        })
        .collect();
    let mut driver = machine
        .command(&["rehearse", machine.plan(&steps), "--auto", "no-go", "--speed", "60"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let runs = machine.path().join("state/cutover/runs");
    let large = loop {
        let found = std::fs::read_dir(&runs).into_iter().flatten().flatten();
        let mut files =
            found.flat_map(|run| std::fs::read_dir(run.path().join("large")).into_iter().flatten());
        // It is there before the record that it belongs to.
        if let Some(Ok(file)) = files.next()
            && let Some(run) = file.path().parent().and_then(Path::parent)
            && std::fs::read_to_string(run.join("journal"))
                .is_ok_and(|journal| journal.contains(&*file.path().file_stem().unwrap().to_string_lossy()))
        {
            break file.path();
        }
        assert!(driver.try_wait().unwrap().is_none(), "the rehearsal ended too soon");
    };
    driver.kill().unwrap();
    driver.wait().unwrap();
    let run = large.parent().and_then(Path::parent).unwrap().to_str().unwrap().to_owned();
    assert_eq!(code(&machine.cutover(&["verify", &run])), 0);
    std::fs::write(&large, "[]").unwrap();
    let done = machine.cutover(&["verify", &run]);
    assert_eq!(code(&done), 4);
    assert!(out(&done).contains("record 1"), "{}", out(&done));
}

/// A rehearsal that waits for a gate that nobody can pass yet, and its run's folder.
fn waiting(machine: &Machine) -> (std::process::Child, String) {
    let plan = machine.plan(
        "[[phase.step]]\nid = \"slow\"\ntitle = \"Slow\"\ncommand = [\"true\"]\nestimate = \"1h\"\ntimeout = \"2h\"\n",
    );
    let mut driver =
        machine.command(&["rehearse", plan, "--auto", "go"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    let mut said = BufReader::new(driver.stdout.take().unwrap());
    said.read_line(&mut first).unwrap();
    // Whoever prints into a closed pipe has nobody to print for.
    std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
    let run = first.trim().strip_prefix("run ").unwrap().to_owned();
    (driver, run)
}

#[test]
fn exit_5_held_by_another() {
    let machine = Machine::new();
    let (mut driver, run) = waiting(&machine);
    let second = machine.cutover(&["__engine", &run]);
    assert_eq!(code(&second), 5, "{second:?}");
    assert!(err(&second).contains("process"), "{}", err(&second));
    let attach = machine.cutover(&["run", "--resume", &run, "--as", "jun"]);
    assert_eq!(code(&attach), 5, "{attach:?}");
    assert!(err(&attach).contains("auto has had the keys"), "{}", err(&attach));
    driver.kill().unwrap();
    driver.wait().unwrap();
}

#[test]
fn exit_6_left_held() {
    let machine = Machine::new();
    let (mut driver, run) = waiting(&machine);
    let hello = Hello { name: "jun".into(), account: "ops".into(), take: true };
    let jun = Client::connect(Path::new(&run), hello, |_| {}).unwrap();
    assert_eq!(driver.wait().unwrap().code(), Some(6));
    assert_eq!(machine.json(&["runs", "--json"])[0]["standing"], "held");
    drop(jun);
}

#[test]
fn exit_7_aborted() {
    let machine = Machine::new();
    let done = machine.cutover(&["rehearse", machine.plan(STEPS), "--auto", "no-go", "--speed", "60"]);
    assert_eq!(code(&done), 7, "{done:?}");
    assert!(out(&done).contains("NO-GO"), "{}", out(&done));
    assert_eq!(machine.json(&["runs", "--json"])[0]["standing"], "aborted");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let machine = Machine::new();
    let mut schema = machine.command(&["schema"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(schema.stdout.take());
    assert_eq!(schema.wait().unwrap().code(), Some(0));
}

#[test]
fn names_from_outside_cannot_act_on_the_terminal() {
    let machine = Machine::new();
    let plan = machine.plan(
        "[[phase.step]]\nid = \"x\"\ntitle = \"\\u001b[2Jgone\\u202e\"\nmanual = \"?\"\nestimate = \"1s\"\n",
    );
    for words in [
        &["check", plan][..],
        &["rehearse", plan, "--auto", "go", "--speed", "60", "--as", "\u{1b}]0;mine\u{7}"],
        &["runs"],
        &["status", "\u{1b}[31mred"],
    ] {
        let done = machine.cutover(words);
        for bytes in [&done.stdout, &done.stderr] {
            assert!(
                !bytes.contains(&0x1b) && !bytes.contains(&7),
                "{words:?}: {}",
                String::from_utf8_lossy(bytes)
            );
        }
    }
}

#[test]
fn a_new_plan_passes_its_check_and_is_rehearsed_as_it_stands() {
    let machine = Machine::new();
    for strategy in ["near-zero-downtime", "planned-downtime"] {
        let done = machine.cutover(&["new", strategy, "--strategy", strategy]);
        assert_eq!(code(&done), 0, "{done:?}");
        let plan = format!("{strategy}/plan.toml");
        let found = machine.json(&["check", &plan, "--json"]);
        assert_eq!((found["errors"].as_u64(), found["warnings"].as_u64()), (Some(0), Some(0)), "{found}");
        assert_eq!(
            code(&machine.cutover(&["new", strategy, "--strategy", strategy])),
            2,
            "nothing is overwritten"
        );
        let done = machine.cutover(&["rehearse", &plan, "--auto", "go", "--speed", "600"]);
        assert_eq!(code(&done), 0, "{}\n{}", out(&done), err(&done));
    }
}

#[test]
fn a_second_rehearsal_is_counted_and_the_beginning_of_a_name_is_enough() {
    let machine = Machine::new();
    let first = machine.rehearsed();
    let second = machine.rehearsed();
    assert_eq!(machine.json(&["runs", "--json"])[0]["rehearsal"], 2);
    assert_eq!(code(&machine.cutover(&["status", &second])), 0);
    assert_eq!(code(&machine.cutover(&["status", first.trim_end_matches(&first[first.len() - 2..])])), 0);
    let both = machine.cutover(&["status", "R-"]);
    assert_eq!(code(&both), 2);
    assert!(err(&both).contains(&first) && err(&both).contains(&second), "{}", err(&both));
}

#[test]
fn manual_pages_are_written_for_every_subcommand() {
    let machine = Machine::new();
    let dir = machine.path().join("man");
    std::fs::create_dir(&dir).unwrap();
    assert_eq!(code(&machine.cutover(&["man", "--dir", "man"])), 0);
    assert!(dir.join("cutover.1").exists() && dir.join("cutover-verify.1").exists());
}

#[test]
fn a_slip_in_the_settings_is_named_with_its_place() {
    let machine = Machine::new();
    std::fs::create_dir_all(machine.path().join("config/cutover")).unwrap();
    let mut file = std::fs::File::create(machine.path().join("config/cutover/config.toml")).unwrap();
    writeln!(file, "[keys]\nnonsense = \"x\"").unwrap();
    let done = machine.cutover(&["keys"]);
    assert_eq!(code(&done), 2);
    assert!(err(&done).contains("config.toml:2"), "{}", err(&done));
}

#[test]
fn whatever_is_given_for_a_plan_is_answered_at_once_and_in_words() {
    let machine = Machine::new();
    let deep = format!("x = {}1{}", "[".repeat(20_000), "]".repeat(20_000));
    let inputs: [(&str, Vec<u8>); 8] = [
        ("empty.toml", Vec::new()),
        ("binary.toml", (0..=255).cycle().take(10_000).collect()),
        ("latin.toml", b"[plan]\nname = \"Gr\xf6\xdfe\"\n".to_vec()),
        ("huge.toml", vec![b'#'; 50 * 1024 * 1024]),
        ("deep.toml", deep.into_bytes()),
        ("other.toml", b"[package]\nname = \"x\"\n".to_vec()),
        ("json.toml", b"{\"plan\": {}}".to_vec()),
        ("numbers.toml", b"[plan]\nname = 99999999999999999999999999\nwindow = 1e999\n".to_vec()),
    ];
    for (name, bytes) in &inputs {
        std::fs::write(machine.path().join(name), bytes).unwrap();
    }
    std::fs::create_dir(machine.path().join("folder.toml")).unwrap();
    std::os::unix::fs::symlink("loop.toml", machine.path().join("loop.toml")).unwrap();
    let names = inputs.iter().map(|(name, _)| *name);
    for name in names.chain(["folder.toml", "loop.toml", "absent.toml", "/dev/null", "\u{1b}[2J.toml"]) {
        for words in [&["check", name][..], &["check", name, "--json"], &["rehearse", name, "--auto", "go"]] {
            let done = machine.cutover(words);
            let said = [done.stdout.as_slice(), &done.stderr].concat();
            assert_eq!(code(&done), 2, "{words:?}: {done:?}");
            assert!(!said.is_empty() && said.len() < 64 * 1024, "{words:?}: {} bytes", said.len());
            assert!(!said.contains(&0x1b), "{words:?}");
        }
        assert!(machine.json(&["check", name, "--json"])["errors"].as_u64().unwrap() > 0, "{name}");
    }
    assert!(!machine.path().join("state/cutover/crashes").exists(), "nothing failed by itself");
    assert!(!machine.path().join("state/cutover/runs").exists(), "nothing was made");
}
