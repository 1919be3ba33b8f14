//! Others that compare databases, where they are installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::table::Table;

/// A program of somebody else.
pub struct Peer {
    pub name: &'static str,
    program: &'static str,
    /// The package of Python that it is in: not all say their version by themselves.
    package: Option<&'static str>,
    install: &'static str,
}

pub const RELADIFF: Peer = Peer {
    name: "reladiff",
    program: "reladiff",
    package: Some("reladiff"),
    install: "pip install 'reladiff[postgresql]'",
};
pub const VALIDATOR: Peer = Peer {
    name: "data-validation",
    program: "data-validation",
    package: Some("google-pso-data-validator"),
    install: "pip install google-pso-data-validator",
};
pub const TABLE_SYNC: Peer = Peer {
    name: "pt-table-sync",
    program: "pt-table-sync",
    package: None,
    install: "apt-get install percona-toolkit",
};

/// One that is here.
pub struct Found {
    pub path: PathBuf,
    /// With its version.
    pub shown: String,
}

impl Peer {
    /// Looks for it, and says what was found.
    pub fn find(&self) -> Option<Found> {
        let folders = [std::env::var_os("CUTOVER_PEERS"), std::env::var_os("PATH")];
        let path = folders
            .iter()
            .flatten()
            .flat_map(std::env::split_paths)
            .map(|folder| folder.join(self.program))
            .find(|path| path.is_file());
        let found = path.map(|path| Found { shown: format!("{} {}", self.name, self.version(&path)), path });
        match &found {
            Some(found) => println!("  {} of {}", found.shown, found.path.display()),
            None => println!("  {} is not installed: {}", self.name, self.install),
        }
        found
    }

    /// Says in a table that it is not here.
    pub fn missing(&self, table: &mut Table, what: &str) {
        table.missing(&format!("{what} against {}", self.name), "it is not installed");
    }

    fn version(&self, path: &Path) -> String {
        let mut command = match self.package {
            None => {
                let mut command = Command::new(path);
                command.arg("--version");
                command
            }
            Some(package) => {
                let script = std::fs::read_to_string(path).unwrap();
                let python = script.lines().next().and_then(|line| line.strip_prefix("#!")).unwrap();
                let mut command = Command::new(python);
                command.args([
                    "-c",
                    "import sys, importlib.metadata as m; print(m.version(sys.argv[1]))",
                    package,
                ]);
                command
            }
        };
        let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
        said.split_ascii_whitespace().last().unwrap_or("of an unknown version").to_owned()
    }
}
