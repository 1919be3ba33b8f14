//! A private PostgreSQL server.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

use super::template::{copy, template};
use super::{as_account, free_port, give, wait};

const ACCOUNT: &str = "postgres";

/// The programs of the newest version that is installed.
pub(crate) fn programs() -> PathBuf {
    let all = std::fs::read_dir("/usr/lib/postgresql").expect("tests/run installs postgresql");
    let newest = all.filter_map(|e| e.ok()?.file_name().to_str()?.parse::<u32>().ok()).max();
    PathBuf::from(format!("/usr/lib/postgresql/{}/bin", newest.expect("tests/run installs postgresql")))
}

/// How many servers this process has made.
static STARTED: AtomicUsize = AtomicUsize::new(0);

fn initialize(data: &Path) {
    let made = as_account(ACCOUNT, programs().join("initdb"))
        .args([
            "--no-sync",
            "--auth=trust",
            "--username=postgres",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "-D",
        ])
        .arg(data)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success(), "initdb");
}

/// … in a place that the server's account may not get to.
fn kept(data: &Path) {
    let dir = folder();
    initialize(&dir.path().join("data"));
    copy(&dir.path().join("data"), data);
}

/// A server in a folder of its own; killed when the test is over, however it ends.
pub(crate) struct Postgres {
    pub(crate) dir: TempDir,
    pub(crate) port: u16,
    child: Option<Child>,
}

impl Postgres {
    /// A new server that keeps enough in its log for logical replication.
    pub(crate) fn start() -> Postgres {
        Postgres::with("")
    }

    /// A new server with more settings.
    pub(crate) fn with(settings: &str) -> Postgres {
        let dir = folder();
        let data = dir.path().join("data");
        // Copies of the same files say that they are the same server.
        match STARTED.fetch_add(1, Ordering::Relaxed) {
            n @ 0..2 => {
                let version = programs().parent().and_then(Path::file_name).unwrap().display().to_string();
                copy(&template(&format!("postgres-{version}-template-{n}"), kept), &data);
            }
            _ => initialize(&data),
        }
        let mut server = Postgres { dir, port: free_port(), child: None };
        server.configure(settings);
        server.up();
        server
    }

    /// A standby of another server: a physical copy that follows it.
    pub(crate) fn standby_of(source: &Postgres) -> Postgres {
        Postgres::standby_with(source, "", None)
    }

    /// … with more settings, and a slot that is made for it.
    pub(crate) fn standby_with(source: &Postgres, settings: &str, slot: Option<&str>) -> Postgres {
        let dir = folder();
        let copied = as_account(ACCOUNT, programs().join("pg_basebackup"))
            .args(["-h", "127.0.0.1", "-U", "postgres", "-c", "fast", "-R", "-D"])
            .arg(dir.path().join("data"))
            .args(["-p", &source.port.to_string()])
            .args(slot.map(|slot| ["-C", "-S", slot]).into_iter().flatten())
            .status()
            .unwrap();
        assert!(copied.success(), "pg_basebackup");
        let mut server = Postgres { dir, port: free_port(), child: None };
        server.configure(settings);
        server.up();
        server
    }

    /// Its folder of data.
    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn configure(&self, more: &str) {
        let sockets = self.dir.path().display();
        let mut text = format!(
            "port = {}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{sockets}'\nwal_level = logical\n\
             fsync = off\nmax_prepared_transactions = 5\nmax_connections = 40\nwal_retrieve_retry_interval = '200ms'\n\
             log_min_messages = warning\n",
            self.port
        );
        writeln!(text, "{more}").unwrap();
        let path = self.data().join("postgresql.conf");
        std::fs::write(&path, text).unwrap();
        give(&path, ACCOUNT);
    }

    /// Starts it, and waits until it answers.
    pub(crate) fn up(&mut self) {
        let log =
            std::fs::File::options().create(true).append(true).open(self.dir.path().join("log")).unwrap();
        let child = as_account(ACCOUNT, programs().join("postgres"))
            .arg("-D")
            .arg(self.data())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        wait("PostgreSQL answers", || self.try_sql("postgres", "select 1").ok());
    }

    /// Its first process, of which all others are children.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().expect("it runs"))
    }

    /// Kills it as a power cut would, all its processes.
    pub(crate) fn kill(&mut self) {
        self.end(Signal::QUIT);
    }

    /// Ends it as an administrator would.
    pub(crate) fn down(&mut self) {
        self.end(Signal::INT);
    }

    fn end(&mut self, signal: Signal) {
        if let Some(mut child) = self.child.take() {
            let pid = Pid::from_child(&child);
            let _gone = rustix::process::kill_process(pid, Signal::CONT);
            let _gone = rustix::process::kill_process(pid, signal);
            child.wait().unwrap();
        }
    }

    /// Stops or continues every process of it: a server that hangs.
    pub(crate) fn freeze(&self, frozen: bool) {
        let signal = if frozen { "STOP" } else { "CONT" };
        let postmaster = self.pid().as_raw_nonzero().to_string();
        let of_it = Command::new("pkill").args([&format!("-{signal}"), "-P", &postmaster]).status().unwrap();
        assert!(of_it.success());
        let signal = if frozen { Signal::STOP } else { Signal::CONT };
        rustix::process::kill_process(self.pid(), signal).unwrap();
    }

    /// Runs SQL as the superuser; the answer as psql prints it bare.
    pub(crate) fn sql(&self, database: &str, sql: &str) -> String {
        self.try_sql(database, sql).unwrap_or_else(|why| panic!("{sql}: {why}"))
    }

    /// … or what went wrong.
    pub(crate) fn try_sql(&self, database: &str, sql: &str) -> Result<String, String> {
        self.psql(database, sql, "")
    }

    /// The same from a session that has turned off what a fence sets.
    pub(crate) fn past_the_default(&self, database: &str, sql: &str) -> Result<String, String> {
        self.psql(database, sql, "-c default_transaction_read_only=off")
    }

    /// Runs a file of SQL as the superuser, with psql's variables.
    pub(crate) fn file(&self, database: &str, file: &Path, variables: &[(&str, &str)]) {
        let mut command = Command::new("psql");
        command.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "postgres", "-d", database]);
        command.args(["-p", &self.port.to_string()]).arg("-f").arg(file);
        for (name, value) in variables {
            command.args(["-v", &format!("{name}={value}")]);
        }
        let done = command.output().unwrap();
        assert!(done.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&done.stderr));
    }

    fn psql(&self, database: &str, sql: &str, options: &str) -> Result<String, String> {
        let done = Command::new("psql")
            .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "postgres", "-c", sql])
            .args(["-p", &self.port.to_string(), "-d", database])
            .env("PGCONNECT_TIMEOUT", "10")
            .env("PGOPTIONS", options)
            .output()
            .unwrap();
        if done.status.success() {
            Ok(String::from_utf8(done.stdout).unwrap().trim().to_owned())
        } else {
            Err(String::from_utf8_lossy(&done.stderr).trim().to_owned())
        }
    }

    /// The address of a database for an account.
    pub(crate) fn url(&self, database: &str, account: &str) -> String {
        format!("postgres://{account}@127.0.0.1:{}/{database}", self.port)
    }

    /// What it wrote into its log.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
        // A plan may have started it anew, as a child of nobody.
        let written = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let pid = written.lines().next().and_then(|line| line.parse().ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _gone = rustix::process::kill_process(pid, Signal::QUIT);
        }
    }
}

/// A folder that the server's account may use.
fn folder() -> TempDir {
    let dir = tempfile::Builder::new().prefix("cutover-pg-").tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    give(dir.path(), ACCOUNT);
    dir
}

/// Where a test's other files may lie beside the server's.
pub(crate) fn beside(server: &Postgres, name: &str) -> PathBuf {
    Path::join(server.dir.path(), name)
}
