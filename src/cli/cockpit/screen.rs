//! The terminal, entered: the bones are on it before any plan or journal is read.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::host::Host;
use super::{Opening, Wake};
use crate::cli::exit::{Exit, Failure};
use crate::cli::{keys, print};
use crate::session::runs::{self, Standing};
use crate::ui::canvas::Look;
use crate::ui::colour::Depth;
use crate::ui::config::{self, Settings};
use crate::ui::mode::Mode;
use crate::ui::terminal::Terminal;
use crate::ui::theme::{self, Theme};
use crate::ui::{glyphs, skeleton};

/// The line that the shell shows while the cockpit is stopped.
const PARTING: &str =
    "cutover: the cockpit is stopped, and the run is held in three seconds; `fg` comes back";
/// So much may happen before it is looked at; then whoever has more waits.
const QUEUE: usize = 1024;

/// A terminal that shows the cockpit's bones while the rest is read.
pub(in crate::cli) struct Screen {
    pub(super) terminal: Terminal,
    pub(super) settings: Settings,
    pub(super) themes: Option<PathBuf>,
    pub(super) look: Look,
    pub(super) wake: SyncSender<Wake>,
    pub(super) woken: Receiver<Wake>,
    /// What is wrong with the settings.
    pub(super) wrong: Vec<String>,
    depth: Depth,
}

impl Screen {
    /// Enters the terminal and shows the bones. `title` is the plan's name, as far as it is known.
    pub(in crate::cli) fn enter(mode: Mode, title: &str, ascii: bool) -> Result<Screen, Failure> {
        let var = |name: &str| std::env::var(name).ok();
        let (wake, woken) = sync_channel(QUEUE);
        let from_terminal = wake.clone();
        let mut terminal =
            Terminal::enter(PARTING, move |event| from_terminal.send(Wake::Terminal(event)).is_ok())
                .map_err(|error| Failure::usage(error.to_string()))?;
        let depth = Depth::detect(var);
        let theme = Theme::built_in("dark", depth);
        let mut look = Look { theme, glyphs: glyphs::choose(ascii, var), mode, old: false };
        terminal
            .draw(&look, |canvas| skeleton::draw(canvas, title, ""))
            .map_err(|error| Failure::new(Exit::NotProved, error.to_string()))?;
        let (settings, wrong) = keys::settings();
        if settings.ascii {
            look.glyphs = glyphs::choose(true, var);
        }
        let home = config::home(|name| std::env::var_os(name).map(PathBuf::from));
        let themes = home.map(|home| theme::user_folder(&home));
        let mut screen = Screen { terminal, settings, themes, look, wake, woken, wrong, depth };
        // A slip in the settings never keeps a cockpit from opening: it is opened when something is at stake.
        if let Some(name) = screen.settings.theme.clone()
            && let Err(error) = screen.set_theme(&name)
        {
            screen.wrong.push(error);
        }
        if screen.settings.mouse
            && let Err(error) = screen.terminal.set_mouse(true)
        {
            screen.wrong.push(error.to_string());
        }
        Ok(screen)
    }

    /// Draws in another theme from the next frame on.
    pub(super) fn set_theme(&mut self, name: &str) -> Result<(), String> {
        let theme = Theme::load(name, self.themes.as_deref(), self.depth);
        self.look.theme = theme.map_err(|error| error.to_string())?;
        self.terminal.repaint();
        Ok(())
    }

    /// Shows the cockpit until somebody leaves it, and says what is left behind.
    pub(in crate::cli) fn show(self, opening: Opening) -> Result<Exit, Failure> {
        let again = opening.again.clone();
        let host = Host::open(self, opening)?;
        let (run, exit) = host.run()?;
        let run = match run {
            Ok(run) => run,
            Err(none) => {
                print::out(none)?;
                return Ok(exit);
            }
        };
        let id = run.file_name().unwrap_or(run.as_os_str()).to_string_lossy();
        if exit == Exit::LeftHeld {
            let again = again.unwrap_or_else(|| format!("cutover run --resume {id}"));
            print::out(&format!("{id} is held. Go on with it: {again}"))?;
        } else if let over @ Standing::Over(_) = runs::summary(&run).standing() {
            let word = over.word();
            print::out(&format!("{id} is over: {word}. Its record stays: cutover watch {id}"))?;
        }
        Ok(exit)
    }
}
