//! Private MariaDB servers: each in a folder of its own, on a free port of the loopback, ended when dropped.
//!
//! A machine without `mariadbd` fails the tests: install the package `mariadb-server`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cutover::databases::{Database, Settings, connect};
use tempfile::TempDir;

use super::servers::free_port;
use super::servers::template::{copy, template};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// The account that cutover uses in tests: it may do everything.
pub const ADMIN: &str = "cutover";
/// The application's account: it may change the rows of `shop`.
pub const APP: &str = "app";

/// A server.
pub struct MariaDb {
    dir: TempDir,
    process: Option<Child>,
    pub port: u16,
    id: u32,
    more: Vec<String>,
}

impl MariaDb {
    /// Starts a new server that logs rows with GTIDs, with this number in replication, the accounts, and more options.
    pub fn start(id: u32, more: &[&str]) -> MariaDb {
        let dir = TempDir::new().expect("a folder");
        copy(&template("mariadb-template", install), &dir.path().join("data"));
        let port = free_port();
        let more = more.iter().map(|&one| one.to_owned()).collect();
        let mut server = MariaDb { dir, process: None, port, id, more };
        server.up();
        server.run(&format!(
            "set sql_log_bin = 0;
             create user {ADMIN}@'%' identified by 'secret'; grant all on *.* to {ADMIN}@'%' with grant option;
             create user {APP}@'%' identified by 'secret';
             grant select, insert, update, delete on shop.* to {APP}@'%';
             create user repl@'%' identified by 'secret'; grant replication slave on *.* to repl@'%'"
        ));
        server
    }

    /// Starts it where it has stopped.
    pub fn up(&mut self) {
        let log = std::fs::File::create(self.dir.path().join("log")).expect("a log");
        let process = Command::new("mariadbd")
            // Its clock on the wall shows another hour than ours, which are of UTC.
            .env("TZ", "<+0545>-5:45")
            .arg("--no-defaults")
            .arg(format!("--datadir={}", self.dir.path().join("data").display()))
            .arg(format!("--socket={}", self.socket().display()))
            .arg(format!("--pid-file={}", self.dir.path().join("pid").display()))
            .arg(format!("--tmpdir={}", self.dir.path().display()))
            .arg(format!("--port={}", self.port))
            .arg(format!("--server-id={}", self.id))
            .args([
                "--bind-address=127.0.0.1",
                "--log-bin=binlog",
                "--binlog-format=ROW",
                "--gtid-strict-mode=1",
            ])
            .args([
                "--skip-slave-start",
                "--innodb-flush-log-at-trx-commit=2",
                "--innodb-buffer-pool-size=16M",
            ])
            .args(["--user=root", "--skip-name-resolve", "--log-slave-updates"])
            .args(&self.more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("mariadbd, of the package mariadb-server");
        self.process = Some(process);
        let began = Instant::now();
        while !self.client().args(["-e", "select 1"]).output().is_ok_and(|o| o.status.success()) {
            let said = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            assert!(began.elapsed() < PATIENCE, "mariadbd does not answer: {said}");
            let gone = self.process.as_mut().and_then(|p| p.try_wait().ok().flatten());
            assert!(gone.is_none(), "mariadbd ended: {said}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it at once, as a power cut does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().and_then(|()| process.wait()).expect("it ends");
        }
    }

    /// Stops or continues it: a server that hangs.
    pub fn freeze(&self, frozen: bool) {
        let pid = rustix::process::Pid::from_child(self.process.as_ref().expect("it runs"));
        let signal = if frozen { rustix::process::Signal::STOP } else { rustix::process::Signal::CONT };
        rustix::process::kill_process(pid, signal).expect("it runs");
    }

    /// Its only process.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("it runs").id()
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("s")
    }

    pub fn client(&self) -> Command {
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", "-u", "root", "-N", "-B"]).arg("-S").arg(self.socket());
        client
    }

    /// Runs statements as the administrator; what they answer.
    pub fn run(&self, sql: &str) -> String {
        let ran = self.client().args(["-e", sql]).output().expect("the client `mariadb`");
        assert!(ran.status.success(), "{sql}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8_lossy(&ran.stdout).trim().to_owned()
    }

    /// Runs statements as an account; what they answer, or why they are refused.
    pub fn run_as(&self, account: &str, sql: &str) -> Result<String, String> {
        let ran = Command::new("mariadb")
            .args(["--no-defaults", "-u", account, "-psecret", "-h", "127.0.0.1", "-N", "-B", "-e", sql])
            .arg(format!("-P{}", self.port))
            .output()
            .expect("the client `mariadb`");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if ran.status.success() { Ok(text(&ran.stdout)) } else { Err(text(&ran.stderr)) }
    }

    /// Runs one statement that has semicolons within.
    pub fn define(&self, sql: &str) {
        let ran =
            self.client().arg("--delimiter=//").args(["-e", sql]).output().expect("the client `mariadb`");
        assert!(ran.status.success(), "{sql}: {}", String::from_utf8_lossy(&ran.stderr));
    }

    /// A session of an account that stays open until it is dropped.
    pub fn session(&self, account: &str) -> Open {
        let sessions =
            format!("select count(*) from information_schema.processlist where user = '{account}'");
        let before = self.run(&sessions);
        let open = self.connect(account);
        let began = Instant::now();
        while self.run(&sessions) == before {
            assert!(began.elapsed() < PATIENCE, "{account} does not get in");
        }
        open
    }

    fn connect(&self, account: &str) -> Open {
        let mut process = Command::new("mariadb")
            .args([
                "--no-defaults",
                "-u",
                account,
                "-psecret",
                "-h",
                "127.0.0.1",
                "-N",
                "-B",
                "--force",
                "-n",
            ])
            .arg(format!("-P{}", self.port))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the client `mariadb`");
        let input = process.stdin.take().expect("its input");
        Open { process, input }
    }

    /// The address of a database for an account.
    pub fn url(&self, account: &str, database: &str) -> String {
        format!("mysql://{account}:secret@127.0.0.1:{}/{database}", self.port)
    }

    /// As cutover asks it.
    pub fn database(&self, name: &str, account: &str, database: &str) -> Arc<dyn Database> {
        let settings = Settings {
            name: name.to_owned(),
            address: self.url(account, database),
            root: PathBuf::new(),
            timeout: Duration::from_secs(20),
        };
        connect("mysql", &settings).expect("a database")
    }

    /// Feeds this server from another by GTIDs.
    pub fn follow(&self, source: &MariaDb) {
        self.follow_from(source.port, "master_use_gtid = slave_pos");
    }

    /// Feeds it from whoever answers at a port, from a place on.
    pub fn follow_from(&self, port: u16, place: &str) {
        self.run(&format!(
            "change master to master_host = '127.0.0.1', master_port = {port}, master_user = 'repl',
               master_password = 'secret', master_connect_retry = 1, {place}; start slave"
        ));
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// A session that stays.
pub struct Open {
    process: Child,
    input: ChildStdin,
}

impl Open {
    /// Has it run something, without waiting for the answer.
    pub fn tell(&mut self, sql: &str) {
        writeln!(self.input, "{sql};").and_then(|()| self.input.flush()).expect("it takes input");
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The files of a server that has never run.
fn install(data: &Path) {
    let folder = data.parent().expect("a folder");
    let ran = Command::new("mariadb-install-db")
        .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", "--user=root"])
        .arg(format!("--datadir={}", data.display()))
        // A server that starts removes the temporary tables it finds, also those of another that is being made.
        .env("TMPDIR", folder)
        .output()
        .expect("mariadb-install-db, of the package mariadb-server");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}
