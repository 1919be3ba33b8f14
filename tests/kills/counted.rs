//! Commands that count their own starts: every command of a plan behind a script that writes one line when it begins
//! and one when it has ended, into a file that nobody else writes.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The step of a line that the engine's own commands write, which know no step: those of a freeze control.
pub(super) const CONTROL: &str = "control";

/// The script in a folder, and what it has written there.
pub(super) struct Counted {
    lines: PathBuf,
}

/// What a try of a step has said of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// How often it began.
    pub(super) begun: usize,
    /// With which exit codes it ended.
    pub(super) ended: Vec<i32>,
}

impl Counted {
    /// Where the script stands that belongs in front of a command.
    pub(super) fn script(folder: &Path) -> PathBuf {
        folder.join("counted")
    }

    /// Puts the script into a folder. A command then takes so many seconds before it does its work, and after it.
    pub(super) fn place(folder: &Path, [before, after]: [f32; 2]) -> Counted {
        let lines = folder.join("starts");
        let file = lines.display();
        let script = format!(
            "#!/bin/sh\n\
             me=\"${{CUTOVER_STEP:-{CONTROL}}} ${{CUTOVER_ATTEMPT:-0}}\"\n\
             echo \"begin $me\" >> '{file}'\n\
             sleep {before}\n\
             \"$@\"\n\
             code=$?\n\
             sleep {after}\n\
             echo \"end $me $code\" >> '{file}'\n\
             exit $code\n"
        );
        let path = Counted::script(folder);
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Counted { lines }
    }

    /// What the script has written in a folder.
    pub(super) fn of(folder: &Path) -> Counted {
        Counted { lines: folder.join("starts") }
    }

    /// What every try has said, by step and number.
    pub(super) fn told(&self) -> BTreeMap<(String, u32), Told> {
        let mut all: BTreeMap<(String, u32), Told> = BTreeMap::new();
        for line in fs::read_to_string(&self.lines).unwrap_or_default().lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let told = all.entry((words[1].to_owned(), words[2].parse().unwrap())).or_default();
            match words[0] {
                "begin" => told.begun += 1,
                "end" => told.ended.push(words[3].parse().unwrap()),
                other => panic!("{other} in {}", self.lines.display()),
            }
        }
        all
    }
}
