//! Private Redis servers: each in a folder of its own, on a free port of the loopback, ended when dropped.
//!
//! A machine without `redis-server` fails the tests: install the package `redis-server`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cutover::databases::{Database, Settings, connect};
use tempfile::TempDir;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server.
pub struct Redis {
    dir: TempDir,
    process: Option<Child>,
    pub port: u16,
    more: Vec<String>,
}

impl Redis {
    /// Starts a new server that keeps every write it has acknowledged, with more options.
    pub fn start(more: &[&str]) -> Redis {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let more = more.iter().map(|&one| one.to_owned()).collect();
        let mut server = Redis { dir: TempDir::new().unwrap(), process: None, port, more };
        server.up();
        server
    }

    /// Starts it where it has stopped.
    pub fn up(&mut self) {
        let log = std::fs::File::create(self.dir.path().join("log")).unwrap();
        let process = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--enable-debug-command", "yes"])
            .args(["--dir", self.dir.path().to_str().unwrap(), "--save", "", "--appendonly", "yes"])
            .args(["--unixsocket", self.socket().to_str().unwrap(), "--repl-diskless-sync-delay", "0"])
            .args(&self.more)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server, of the package redis-server");
        self.process = Some(process);
        let began = Instant::now();
        while !self.tried(&["PING"]).is_ok_and(|said| said == "PONG" || said.contains("NOAUTH")) {
            let said = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            assert!(began.elapsed() < PATIENCE, "redis-server does not answer: {said}");
            let gone = self.process.as_mut().and_then(|p| p.try_wait().unwrap());
            assert!(gone.is_none(), "redis-server ended: {said}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it at once, as a power cut does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().and_then(|()| process.wait()).unwrap();
        }
    }

    /// Ends it as its people do, with everything written to the disk that `how` asks for: `SAVE`, `NOSAVE`.
    pub fn shut_down(&mut self, how: &str) {
        let _ = self.tried(&["SHUTDOWN", how]);
        if let Some(mut process) = self.process.take() {
            process.wait().unwrap();
        }
    }

    /// Holds it still, or lets it go on.
    pub fn signal(&self, which: rustix::process::Signal) {
        let id = self.process.as_ref().unwrap().id();
        let id = rustix::process::Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
        rustix::process::kill_process(id, which).unwrap();
    }

    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("s")
    }

    pub fn client(&self) -> Command {
        let mut client = Command::new("redis-cli");
        client.arg("-s").arg(self.socket());
        client
    }

    fn tried(&self, words: &[&str]) -> std::io::Result<String> {
        let ran = self.client().args(words).output()?;
        Ok(String::from_utf8_lossy(&ran.stdout).trim().to_owned())
    }

    /// Runs a command; what it answers.
    pub fn run(&self, words: &[&str]) -> String {
        self.tried(words).expect("redis-cli, of the package redis-tools")
    }

    /// One field of `INFO`.
    pub fn info(&self, field: &str) -> String {
        let said = self.run(&["INFO"]);
        let line = said.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.unwrap_or_default().trim().to_owned()
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// As cutover asks it.
    pub fn database(&self, name: &str) -> Arc<dyn Database> {
        database(name, &self.url())
    }

    /// Feeds this server from another, as soon as it has loaded what it has.
    pub fn follow(&self, source: &Redis) {
        let began = Instant::now();
        loop {
            let said = self.run(&["REPLICAOF", "127.0.0.1", &source.port.to_string()]);
            if said.starts_with("OK") {
                return;
            }
            assert!(said.starts_with("LOADING") && began.elapsed() < PATIENCE, "{said}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the stream flows.
    pub fn flows(&self) {
        let began = Instant::now();
        while self.info("master_link_status") != "up" {
            assert!(began.elapsed() < PATIENCE, "nothing flows: {}", self.run(&["INFO", "replication"]));
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A database at an address, as cutover asks it.
pub fn database(name: &str, address: &str) -> Arc<dyn Database> {
    let settings = Settings {
        name: name.to_owned(),
        address: address.to_owned(),
        root: PathBuf::new(),
        timeout: Duration::from_secs(3),
    };
    connect("redis", &settings).unwrap()
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
