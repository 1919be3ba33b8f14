//! `cutover doctor`: whether this machine is fit for a night.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use super::exit::{Exit, Failure};
use super::{keys, open, print, who};
use crate::clock::{self, Clock, local_offset};
use crate::journal::{RunFolder, Weakness};
use crate::ui::colour::Depth;

/// Looks at this machine: where runs are kept, the terminal, the clock, and what happens at logout.
///
/// Ends with 0 when nothing speaks against a live run from here, with 3 when something does.
#[derive(clap::Args)]
pub(super) struct Args {}

/// What was found, and whether it speaks against a live run.
struct Finding {
    what: &'static str,
    text: String,
    against: bool,
}

pub(super) fn main() -> Result<Exit, Failure> {
    let found = [kept(), terminal(), colours(), settings(), time(), logout(), account()];
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|f| vec![if f.against { "!" } else { " " }.to_owned(), f.what.to_owned(), f.text.clone()])
        .collect();
    print::raw(&print::columns(&rows))?;
    Ok(if found.iter().any(|f| f.against) { Exit::NotProved } else { Exit::Done })
}

fn good(what: &'static str, text: impl Into<String>) -> Finding {
    Finding { what, text: text.into(), against: false }
}

fn bad(what: &'static str, text: impl Into<String>) -> Finding {
    Finding { what, text: text.into(), against: true }
}

/// What on this machine speaks against a night whose runs are kept below `place`.
pub(super) fn against_a_night(place: &Path) -> Vec<String> {
    let found = [state(place), time(), logout()];
    found.into_iter().filter(|f| f.against).map(|f| format!("{}: {}", f.what, f.text)).collect()
}

fn kept() -> Finding {
    match open::place(None) {
        Ok(place) => state(&place),
        Err(failure) => bad("runs", failure.message),
    }
}

fn state(place: &Path) -> Finding {
    // The folder may not be there yet; what it would stand in is.
    let Some(there) = place.ancestors().find(|p| p.is_dir()).map(Path::to_path_buf) else {
        return bad("runs", format!("{} cannot be reached", place.display()));
    };
    let looked = RunFolder::look(&there).and_then(|f| Ok((f.free_bytes()?, f.weakness()?)));
    let kept = format!("kept in {}", place.display());
    match looked {
        Err(error) => bad("runs", error.to_string()),
        Ok((_, Some(Weakness::Memory))) => {
            bad("runs", format!("{kept}, which is memory: a power cut takes the record with it"))
        }
        Ok((_, Some(Weakness::Network))) => {
            bad("runs", format!("{kept}, on another host: what is synced there may not be on its disk"))
        }
        Ok((free, None)) => {
            let free = free / (1024 * 1024);
            let text = format!("{kept}, {free} MiB free");
            if free < 1024 { bad("runs", format!("{text}: a night wants 1024")) } else { good("runs", text) }
        }
    }
}

fn terminal() -> Finding {
    let out = std::io::stdout();
    let name = std::env::var("TERM").unwrap_or_else(|_| "none".to_owned());
    match rustix::termios::tcgetwinsize(&out) {
        Ok(size) if out.is_terminal() => {
            let text = format!("{name}, {}x{}", size.ws_col, size.ws_row);
            if size.ws_col < 60 || size.ws_row < 16 {
                bad("terminal", format!("{text}: the cockpit needs 60x16, and is at home from 120x36"))
            } else {
                good("terminal", text)
            }
        }
        Ok(_) | Err(_) => good("terminal", format!("{name}, but this output is none: the size is not known")),
    }
}

fn colours() -> Finding {
    let depth = Depth::detect(|name| std::env::var(name).ok());
    good("colours", format!("{depth:?}"))
}

fn settings() -> Finding {
    let (_, wrong) = keys::settings();
    if wrong.is_empty() { good("settings", "as they should be") } else { bad("settings", wrong.join("; ")) }
}

fn time() -> Finding {
    let now = Clock::system().now().wall;
    let local =
        now.at(local_offset(now)).map_or_else(String::new, |t| t.format("%Y-%m-%d %H:%M:%S %:z").to_string());
    match clock::boot_id() {
        Ok(_) => good("clock", local),
        Err(error) => bad("clock", format!("{local}; the kernel gives no boot id: {error}")),
    }
}

/// The login manager may kill what an account runs when it logs out, a run's engine too.
fn logout() -> Finding {
    let account = who::account();
    let name = account.split(',').next().unwrap_or_default();
    if !Path::new("/run/systemd/system").is_dir() {
        return good("logout", "no login manager here ends what runs");
    }
    if PathBuf::from("/var/lib/systemd/linger").join(name).exists() {
        return good("logout", "what this account runs goes on (lingering is on)");
    }
    bad(
        "logout",
        format!(
            "the login manager may end a run when {name} logs out: `loginctl enable-linger {name}` prevents it"
        ),
    )
}

fn account() -> Finding {
    good("account", who::account())
}
