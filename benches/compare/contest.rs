//! Several programs that compare the same two servers, in turns, and what each of them costs.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::common::table::{Table, figure};
use crate::common::{cpu, exe, median};
use crate::servers;
use crate::servers::way::Way;

/// How often it is looked how much memory a program has taken.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };

/// One of the two servers.
#[derive(Clone, Copy)]
pub struct End {
    pub port: u16,
    pub pid: u32,
}

/// Something that compares the servers at two ports.
pub struct Client<'a> {
    /// How it is called in the results.
    pub name: &'static str,
    /// … and in the table.
    pub shown: String,
    /// What it may end with.
    pub exits: &'static [i32],
    /// What is started, all at once.
    pub commands: Box<dyn Fn([u16; 2]) -> Vec<Command> + 'a>,
}

/// What a client costs.
pub struct Figures {
    /// Seconds.
    pub wall: f64,
    /// Seconds of processor time of the client and what it started.
    pub client: f64,
    /// … of both servers.
    pub server: f64,
    /// Megabytes of memory at most.
    pub peak: f64,
    /// What each of its commands printed in the first turn.
    pub said: Vec<String>,
}

impl Figures {
    /// Processor time of all who take part.
    pub fn cpu(&self) -> f64 {
        self.client + self.server
    }
}

/// The program as a user runs it; `url` is the address of the database at a port.
pub fn cutover<'a>(
    url: impl Fn(u16) -> String + 'a,
    more: &'a [&'a str],
    exits: &'static [i32],
) -> Client<'a> {
    Client {
        name: "cutover",
        shown: "cutover compare".to_owned(),
        exits,
        commands: Box::new(move |ports| {
            let mut command = Command::new(exe());
            command.arg("compare").args(ports.map(&url)).arg("--json").args(more);
            vec![command]
        }),
    }
}

/// Runs the clients in turns, prints a table, and gives the medians by name.
pub fn run(
    title: &str,
    clients: &[Client<'_>],
    ends: [End; 2],
    turns: usize,
) -> BTreeMap<&'static str, Figures> {
    let mut all: Vec<Vec<Figures>> = clients.iter().map(|_| Vec::new()).collect();
    for _ in 0..turns {
        for (client, into) in clients.iter().zip(&mut all) {
            let figures = once(client, ends, ends.map(|end| end.port));
            println!("  {title}: {} took {}", client.shown, figure(figures.wall, "s"));
            into.push(figures);
        }
    }
    let mut table = Table::headed([title, "wall", "client CPU", "server CPU", "peak memory", "wire"]);
    let mut medians = BTreeMap::new();
    for (client, mut all) in clients.iter().zip(all) {
        let of = |figure: fn(&Figures) -> f64| median(all.iter().map(figure).collect());
        let (wall, cpu, server, peak) = (of(|f| f.wall), of(|f| f.client), of(|f| f.server), of(|f| f.peak));
        let wire = on_the_wire(client, ends);
        table.row([
            client.shown.clone(),
            figure(wall, "s"),
            figure(cpu, "s"),
            figure(server, "s"),
            figure(peak, "MB"),
            figure(wire, "MB"),
        ]);
        let said = std::mem::take(&mut all[0].said);
        medians.insert(client.name, Figures { wall, client: cpu, server, peak, said });
    }
    medians
}

/// Megabytes, in a run of its own over ways that count them: they would cost time in the others.
fn on_the_wire(client: &Client<'_>, ends: [End; 2]) -> f64 {
    let ways = ends.map(|end| Way::to(end.port, Duration::ZERO));
    once(client, ends, [ways[0].port, ways[1].port]);
    ways.iter().map(Way::megabytes).sum()
}

fn once(client: &Client<'_>, ends: [End; 2], ports: [u16; 2]) -> Figures {
    let tmp = tempfile::tempdir().unwrap();
    let commands = (client.commands)(ports);
    let resting = ends.map(|end| cpu::children(end.pid).len());
    let server = || ends.iter().map(|end| cpu::of_server(end.pid)).sum::<f64>() / 1000.0;
    let (before, began) = (server(), Instant::now());
    let mut running: Vec<Running> = commands
        .into_iter()
        .enumerate()
        .map(|(n, command)| Running::start(command, &tmp.path().join(n.to_string())))
        .collect();
    while running.iter().any(|one| one.ended.is_none()) {
        Running::look(&mut running);
    }
    let wall = began.elapsed().as_secs_f64();
    for (end, resting) in ends.iter().zip(resting) {
        // What a session costs is known when it is gone.
        servers::wait("the sessions are gone", || (cpu::children(end.pid).len() <= resting).then_some(()));
    }
    let server = server() - before;
    let (mut cpu, mut peak, mut said) = (0.0, 0.0, Vec::new());
    for one in running {
        let (used, exit) = one.ended.unwrap();
        let text = |of| std::fs::read_to_string(one.out.with_extension(of)).unwrap();
        let expected = exit.is_some_and(|exit| client.exits.contains(&exit));
        assert!(expected, "{} ended with {exit:?}: {}{}", client.shown, text("out"), text("err"));
        cpu += used / 1000.0;
        peak += one.peak * 1024.0 / 1e6;
        said.push(text("out"));
    }
    Figures { wall, client: cpu, server, peak, said }
}

/// A command while it runs.
struct Running {
    child: Child,
    out: std::path::PathBuf,
    /// KiB.
    peak: f64,
    /// Milliseconds of processor time, and the exit code.
    ended: Option<(f64, Option<i32>)>,
}

impl Running {
    fn start(mut command: Command, out: &Path) -> Running {
        let file = |of| File::create(out.with_extension(of)).unwrap();
        command.stdin(Stdio::null()).stdout(file("out")).stderr(file("err"));
        let child = command.spawn().unwrap_or_else(|why| panic!("{command:?}: {why}"));
        Running { child, out: out.to_owned(), peak: 0.0, ended: None }
    }

    /// Waits for a moment, or until one of them ends, and takes down what they have used.
    fn look(all: &mut [Running]) {
        let mut going: Vec<&mut Running> = all.iter_mut().filter(|one| one.ended.is_none()).collect();
        let handles: Vec<_> = going
            .iter()
            .map(|one| pidfd_open(Pid::from_child(&one.child), PidfdFlags::empty()).unwrap())
            .collect();
        let mut polled: Vec<PollFd<'_>> =
            handles.iter().map(|handle| PollFd::new(handle, PollFlags::IN)).collect();
        poll(&mut polled, Some(&LOOK)).unwrap();
        for (one, polled) in going.iter_mut().zip(&polled) {
            if polled.revents().is_empty() {
                one.peak = cpu::kib(one.child.id(), "VmHWM").unwrap_or(one.peak);
            } else {
                let used = cpu::so_far(one.child.id()).all();
                one.ended = Some((used, one.child.wait().unwrap().code()));
            }
        }
    }
}

/// Says what a case is made of, and how long that took.
pub fn made<T>(what: &str, make: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let thing = make();
    let took = Duration::from_secs(began.elapsed().as_secs());
    println!("  {what}, made in {took:?}");
    thing
}
