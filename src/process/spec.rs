//! What is to be run: argument list, environment, folder, time. And why it could not be started.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::GRACE;

/// Where commands are looked for when nothing says otherwise.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Environment variables that are set on top of the inherited ones.
///
/// The values may be secrets: they can be handed to a command and to nothing else. There is no way to
/// print, compare or serialize them.
#[derive(Clone, Default)]
pub struct Env(BTreeMap<OsString, OsString>);

impl Env {
    /// None.
    pub fn new() -> Env {
        Env::default()
    }

    /// Sets one; a later value replaces an earlier one of that name.
    pub fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Result<(), SpecError> {
        let (name, value) = (name.into(), value.into());
        let bytes = name.as_bytes();
        if bytes.is_empty() || bytes.contains(&b'=') || bytes.contains(&0) || value.as_bytes().contains(&0) {
            return Err(SpecError::Variable(name));
        }
        self.0.insert(name, value);
        Ok(())
    }

    pub(super) fn pairs(&self) -> impl ExactSizeIterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

/// A command to run. Its standard input is always empty.
#[derive(Clone)]
pub struct Spec {
    pub(super) argv: Vec<OsString>,
    pub(super) env: Env,
    pub(super) dir: PathBuf,
    pub(super) timeout: Duration,
    pub(super) grace: Duration,
}

/// Why something can never be a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpecError {
    /// The argument list is empty.
    Empty,
    /// An argument holds a NUL byte, which no argument can.
    Nul(OsString),
    /// A variable without a name, or with a `=` or NUL in its name, or a NUL in its value; its name.
    Variable(OsString),
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpecError::Empty => f.write_str("a command is a list of arguments, and this one is empty"),
            SpecError::Nul(argument) => {
                let argument = argument.to_string_lossy().escape_debug().to_string();
                write!(
                    f,
                    "the argument \"{argument}\" holds a NUL byte, which cannot be passed: leave it out"
                )
            }
            SpecError::Variable(name) => write!(
                f,
                "the environment variable \"{}\" cannot be set: a name has no `=`, and neither name nor value a NUL byte",
                name.to_string_lossy().escape_debug()
            ),
        }
    }
}

impl std::error::Error for SpecError {}

/// Why a command was not started. Nothing of it has run.
#[derive(Debug)]
pub enum NotStarted {
    /// No such program.
    NotFound {
        /// As it was given.
        program: OsString,
        /// Where it was looked for; `None` when the name is a path.
        path: Option<OsString>,
    },
    /// It is there, and is a folder or has no right to be run.
    NotAProgram(PathBuf),
    /// The folder to run it in is not there.
    NoFolder(PathBuf),
    /// Arguments and environment are longer than the system passes on; their length in bytes.
    TooLong(usize),
    /// The system refused for another reason.
    System {
        /// What was tried.
        doing: String,
        /// Its answer.
        error: io::Error,
    },
}

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotStarted::NotFound { program, path: Some(path) } => write!(
                f,
                "command not found: {}; looked in PATH={}: install it, or give its full path",
                program.display(),
                path.display()
            ),
            NotStarted::NotFound { program, path: None } => {
                write!(f, "command not found: {}: there is no such file", program.display())
            }
            NotStarted::NotAProgram(path) => write!(
                f,
                "{} cannot be run: it is a folder, or has no execute permission (`chmod +x`)",
                path.display()
            ),
            NotStarted::NoFolder(dir) => {
                write!(f, "the folder to run in, {}, is not there", dir.display())
            }
            NotStarted::TooLong(bytes) => write!(
                f,
                "arguments and environment take {bytes} bytes, more than the system passes on: put what is large into a file"
            ),
            NotStarted::System { doing, error } => write!(f, "could not {doing}: {error}"),
        }
    }
}

impl std::error::Error for NotStarted {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            NotStarted::System { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl Spec {
    /// A command, the folder it runs in, and how long it may take.
    pub fn new(
        argv: impl IntoIterator<Item = impl Into<OsString>>,
        dir: impl Into<PathBuf>,
        timeout: Duration,
    ) -> Result<Spec, SpecError> {
        let argv: Vec<OsString> = argv.into_iter().map(Into::into).collect();
        if argv.is_empty() {
            return Err(SpecError::Empty);
        }
        if let Some(bad) = argv.iter().find(|argument| argument.as_bytes().contains(&0)) {
            return Err(SpecError::Nul(bad.clone()));
        }
        Ok(Spec { argv, env: Env::new(), dir: dir.into(), timeout, grace: GRACE })
    }

    /// With these variables set.
    #[must_use]
    pub fn env(mut self, env: Env) -> Spec {
        self.env = env;
        self
    }

    /// With another time between TERM and KILL than [`GRACE`].
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Spec {
        self.grace = grace;
        self
    }

    /// The command as the system wants it: found, in a process group of its own, without input.
    pub(super) fn command(&self) -> Result<Command, NotStarted> {
        if !self.dir.is_dir() {
            return Err(NotStarted::NoFolder(self.dir.clone()));
        }
        let [program, arguments @ ..] = self.argv.as_slice() else {
            return Err(NotStarted::NotFound { program: OsString::new(), path: None });
        };
        let mut command = Command::new(self.find(program)?);
        command
            .arg0(program)
            .args(arguments)
            .envs(self.env.pairs())
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .process_group(0);
        Ok(command)
    }

    /// Looks the program up as a shell would, so that its absence is told apart from other failures.
    fn find(&self, program: &OsStr) -> Result<PathBuf, NotStarted> {
        let runnable =
            |path: &Path| path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok();
        if program.as_bytes().contains(&b'/') {
            let path = self.dir.join(program);
            return match path {
                path if runnable(&path) => Ok(path),
                path if path.exists() => Err(NotStarted::NotAProgram(path)),
                _ => Err(NotStarted::NotFound { program: program.to_owned(), path: None }),
            };
        }
        let given = self.env.0.get(OsStr::new("PATH")).cloned();
        let path = given.or_else(|| std::env::var_os("PATH")).unwrap_or_else(|| DEFAULT_PATH.into());
        let mut blocked = None;
        for folder in std::env::split_paths(&path) {
            let candidate = self.dir.join(folder).join(program);
            if runnable(&candidate) {
                return Ok(candidate);
            }
            if blocked.is_none() && candidate.is_file() {
                blocked = Some(candidate);
            }
        }
        Err(match blocked {
            Some(candidate) => NotStarted::NotAProgram(candidate),
            None => NotStarted::NotFound { program: program.to_owned(), path: Some(path) },
        })
    }

    /// What a refusal to start this command means.
    pub(super) fn explain(&self, error: io::Error) -> NotStarted {
        if error.raw_os_error() == Some(rustix::io::Errno::TOOBIG.raw_os_error()) {
            let inherited = std::env::vars_os().map(|(name, value)| name.len() + value.len() + 2);
            let set = self.env.pairs().map(|(name, value)| name.len() + value.len() + 2);
            let arguments = self.argv.iter().map(|argument| argument.len() + 1);
            return NotStarted::TooLong(inherited.chain(set).chain(arguments).sum());
        }
        let program = self.argv.first().map(|program| program.display().to_string()).unwrap_or_default();
        NotStarted::System { doing: format!("start {program}"), error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(argv: &[&str]) -> Spec {
        Spec::new(argv, "/tmp", Duration::from_secs(5)).unwrap()
    }

    fn reason(spec: &Spec) -> String {
        spec.command().map(drop).unwrap_err().to_string()
    }

    #[test]
    fn what_can_never_be_a_command_is_refused_early() {
        assert_eq!(Spec::new([] as [&str; 0], "/", GRACE).map(drop), Err(SpecError::Empty));
        assert_eq!(Spec::new(["a\0b"], "/", GRACE).map(drop), Err(SpecError::Nul("a\0b".into())));
        let mut env = Env::new();
        for (name, value) in [("", "x"), ("A=B", "x"), ("A\0", "x"), ("A", "x\0")] {
            assert_eq!(env.set(name, value), Err(SpecError::Variable(name.into())));
        }
    }

    #[test]
    fn a_command_that_is_not_there_says_where_it_was_looked_for() {
        let mut env = Env::new();
        env.set("PATH", "/usr/bin:/nowhere").unwrap();
        let missing = spec(&["no-such-tool"]).env(env);
        assert_eq!(
            reason(&missing),
            "command not found: no-such-tool; looked in PATH=/usr/bin:/nowhere: install it, or give its full path"
        );
        assert_eq!(reason(&spec(&["./nope"])), "command not found: ./nope: there is no such file");
        assert!(reason(&spec(&["/etc/passwd"])).starts_with("/etc/passwd cannot be run"));
        assert!(reason(&spec(&["/etc"])).starts_with("/etc cannot be run"));
        let nowhere = Spec::new(["true"], "/nowhere", GRACE).unwrap();
        assert_eq!(reason(&nowhere), "the folder to run in, /nowhere, is not there");
    }

    #[test]
    fn a_relative_path_counts_from_the_folder_of_the_command() {
        let tmp = tempfile::tempdir().unwrap();
        std::fs::create_dir(tmp.path().join("bin")).unwrap();
        std::os::unix::fs::symlink("/bin/true", tmp.path().join("bin/tool")).unwrap();
        let tool = Spec::new(["bin/tool"], tmp.path(), GRACE).unwrap();
        assert_eq!(tool.command().unwrap().get_program(), tmp.path().join("bin/tool"));
        let mut env = Env::new();
        env.set("PATH", "bin").unwrap();
        let tool = Spec::new(["tool"], tmp.path(), GRACE).unwrap().env(env);
        assert_eq!(tool.command().unwrap().get_program(), tmp.path().join("bin/tool"));
    }
}
