//! A comparison that nobody can doubt: both sides whole, in the order of their key, row beside row.
//!
//! A program of its own, so that it is measured as the others are. It runs two commands that print a side each: a row
//! a line, its key first, then a tab.

use std::cmp::Ordering;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::contest::Client;
use crate::findings::{Findings, Kind};

/// What the bench is called with to be this program.
pub const WORD: &str = "reference";

/// As a client: `side` is the command that prints the side at a port.
pub fn client<'a>(side: impl Fn(u16) -> String + 'a) -> Client<'a> {
    Client {
        name: "reference",
        shown: "row by row".to_owned(),
        exits: &[0],
        commands: Box::new(move |ports| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.arg(WORD).args(ports.map(&side));
            vec![command]
        }),
    }
}

/// What it printed.
pub fn findings(said: &str) -> Findings {
    let finding = |line: &str| {
        let (kind, key) = line.split_once(' ').unwrap();
        let kind = match kind {
            "changed" => Kind::Changed,
            "missing" => Kind::Missing,
            _ => Kind::Extra,
        };
        (key.parse().unwrap(), kind)
    };
    said.lines().map(finding).collect()
}

/// The program. Its arguments are the two commands, for a shell.
pub fn main(commands: &[String]) {
    let [mut source, mut target] = [&commands[0], &commands[1]].map(|command| Side::start(command));
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    loop {
        let order = match (source.key, target.key) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(ours), Some(theirs)) => ours.cmp(&theirs),
        };
        match order {
            Ordering::Less => writeln!(out, "missing {}", source.key.unwrap()).unwrap(),
            Ordering::Greater => writeln!(out, "extra {}", target.key.unwrap()).unwrap(),
            Ordering::Equal if source.row != target.row => {
                writeln!(out, "changed {}", source.key.unwrap()).unwrap();
            }
            Ordering::Equal => {}
        }
        if order != Ordering::Greater {
            source.next();
        }
        if order != Ordering::Less {
            target.next();
        }
    }
    out.flush().unwrap();
}

struct Side {
    child: Child,
    rows: BufReader<ChildStdout>,
    row: Vec<u8>,
    /// Of the row; `None` after the last.
    key: Option<i64>,
}

impl Side {
    fn start(command: &str) -> Side {
        let mut child = Command::new("sh").args(["-c", command]).stdout(Stdio::piped()).spawn().unwrap();
        let rows = BufReader::with_capacity(1 << 18, child.stdout.take().unwrap());
        let mut side = Side { child, rows, row: Vec::new(), key: None };
        side.next();
        side
    }

    fn next(&mut self) {
        self.row.clear();
        if self.rows.read_until(b'\n', &mut self.row).unwrap() == 0 {
            self.key = None;
            assert!(self.child.wait().unwrap().success(), "a side could not be read to its end");
            return;
        }
        let key = self.row.split(|byte| *byte == b'\t').next().unwrap();
        let key = std::str::from_utf8(key).unwrap().parse().unwrap();
        assert!(self.key < Some(key), "the rows are not in the order of their key");
        self.key = Some(key);
    }
}
