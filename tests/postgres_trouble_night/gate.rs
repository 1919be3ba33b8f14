//! At a gate that rests on a link, whatever happens to its servers: the screen says what, the keys answer, and GO is not
//! taken; and it can be said again when it is mended.

use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::pty::Terminal;
use super::servers::way::Way;
use super::subscription::{FAULTS, World, account, subscribed};
use super::trouble::Fault;
use super::{address, boxed, detail, flat, load, plan};

/// As in the plan.
const EVERY: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(3);
/// What a busy machine adds to two looks.
const SLACK: Duration = Duration::from_secs(2);
/// An answer to a key that comes later is none.
const KEY: Duration = Duration::from_secs(2);
const GATE: &str = "GO / NO-GO   Send users to the cloud";

/// How long a key takes to the screen.
fn answers(t: &mut Terminal, key: &str, shown: impl Fn(&str) -> bool) -> Duration {
    // A key that comes at once after a change of the screen was meant for what was there before.
    t.pump(Duration::from_millis(400));
    let began = Instant::now();
    t.bytes(key.as_bytes());
    loop {
        t.pump(Duration::from_millis(2));
        if shown(&t.screen()) {
            return began.elapsed();
        }
        assert!(began.elapsed() < KEY, "{key:?} is not answered:\n{}", t.screen());
    }
}

/// Whether the gate says that the link is not good.
fn is_bad(screen: &str) -> bool {
    boxed(screen).contains("Not yet: orders is")
}

/// Waits until the screen says it, at the gate or, where it is cut there, in its detail: where, and what.
fn said(t: &mut Terminal, fault: &Fault<World>) -> (&'static str, String) {
    let (began, limit) = (Instant::now(), 2 * (EVERY + TIMEOUT) + SLACK);
    let has_all = |text: &str| fault.words.iter().all(|word| text.contains(word));
    loop {
        t.pump(Duration::from_millis(20));
        let screen = t.screen();
        let gate = boxed(&screen);
        // A warning that is not answered stands above what it is about.
        if gate.contains("! alarm not answered") {
            t.text("a");
        }
        if is_bad(&screen) && has_all(&gate) {
            return ("at the gate", sentence(&gate));
        }
        if is_bad(&screen) {
            let detail = flat(&detail(t, GATE));
            if has_all(&detail) {
                return ("in its detail", sentence(&detail));
            }
        }
        assert!(began.elapsed() < limit, "{}: not said in {limit:?}:\n{screen}", fault.name);
    }
}

/// The sentence about the link: in full below what is missing, or as far as its row has room; or what the detail says.
fn sentence(text: &str) -> String {
    let begin = [" orders: ", " says ", "orders "].into_iter().find_map(|label| text.split(label).nth(1));
    let end = [" GO its code", " sheet ", " must be ", " ✓ ", " keys that came"];
    end.into_iter()
        .fold(begin.unwrap_or(text), |text, label| text.split(label).next().unwrap_or(text))
        .to_owned()
}

fn sheet(screen: &str) -> u32 {
    let (_, rest) = screen.split_once("sheet ").unwrap_or_else(|| panic!("no sheet:\n{screen}"));
    rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

#[test]
fn whatever_goes_wrong_is_said_at_the_gate_and_keeps_it_shut() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (source, target) = runtime.block_on(subscribed(""));
    account(&source);
    account(&target);
    let way = Way::to(source.port, Duration::ZERO);
    let home = TempDir::new().unwrap();
    let mark = home.path().join("switched");
    let orders = load::begin(&runtime, source.url("shop", "postgres"));

    let sets = [
        format!("source={}", address(way.port, home.path())),
        format!("target={}", address(target.port, home.path())),
        format!("mark={}", mark.display()),
    ];
    let plan = plan("faults.toml");
    let mut args = vec!["run", plan.to_str().unwrap(), "--as", "lead"];
    for set in &sets {
        args.extend(["--set", set]);
    }
    let mut t = Terminal::start(home.path(), 120, 36, &args);
    t.shows("Type cloud to start");
    t.shows("is cloud");
    t.until_typed("cloud");
    t.shows(GATE);
    t.answers_alarms();

    let mut world = World { source, target, way, crowd: Vec::new() };
    for fault in FAULTS {
        let (code, before) = (t.answer(), sheet(&t.screen()));
        let code = code.rsplit(' ').next().unwrap().to_owned();
        runtime.block_on((fault.make)(&mut world));
        let made = Instant::now();
        let (place, words) = said(&mut t, fault);
        let after = made.elapsed();
        t.pump(Duration::from_millis(200));
        let help = answers(&mut t, "?", |screen| screen.contains("Help"));
        let back = answers(&mut t, "\x1b", |screen| screen.contains(GATE));
        t.pump(Duration::from_millis(100));
        for _ in 0..3 {
            t.go_is_refused(GATE, &code);
            let until = Instant::now() + EVERY;
            while Instant::now() < until {
                t.pump(Duration::from_millis(50));
                assert!(is_bad(&t.screen()), "{}: taken for good:\n{}", fault.name, t.screen());
            }
        }
        assert!(!mark.exists(), "nothing was started");
        runtime.block_on((fault.mend)(&mut world));
        let mended = Instant::now();
        t.answers_alarms();
        t.answer();
        assert!(sheet(&t.screen()) > before, "the sheet is another one:\n{}", t.screen());
        println!(
            "{}: said after {:.1} s {place}: {words}; ? {} ms, esc {} ms; good again after {:.1} s",
            fault.name,
            after.as_secs_f64(),
            help.as_millis(),
            back.as_millis(),
            mended.elapsed().as_secs_f64()
        );
    }
    t.go();
    t.shows("Planned and actual");
    assert!(mark.exists());
    println!("{} orders meanwhile", orders.taken());
    t.text("q");
    assert_eq!(t.exit(), 0);
}
