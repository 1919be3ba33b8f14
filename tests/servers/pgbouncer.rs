//! A private pooler before two servers: pgbouncer, in transaction mode.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Stdio};

use tempfile::TempDir;

use super::{as_account, free_port, give, wait};

const ACCOUNT: &str = "postgres";

/// A pooler in a folder of its own; killed when the test is over.
pub(crate) struct Pooler {
    pub(crate) dir: TempDir,
    pub(crate) port: u16,
    child: Child,
}

impl Pooler {
    /// Before a database `shop` on the ports of both sides; clients are sent to the source.
    pub(crate) fn start(source: u16, target: u16) -> Pooler {
        let dir = tempfile::Builder::new().prefix("cutover-pooler-").tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let port = free_port();
        let at = |name: &str| dir.path().join(name);
        for (name, port) in [("source.ini", source), ("target.ini", target)] {
            let text = format!("[databases]\nshop = host=127.0.0.1 port={port} dbname=shop\n");
            std::fs::write(at(name), text).unwrap();
        }
        std::os::unix::fs::symlink("source.ini", at("databases.ini")).unwrap();
        std::fs::write(at("users.txt"), "\"app\" \"\"\n").unwrap();
        let mut text = format!("%include {}\n[pgbouncer]\n", at("databases.ini").display());
        let mut set = |key: &str, value: &str| writeln!(text, "{key} = {value}").unwrap();
        set("listen_addr", "127.0.0.1");
        set("listen_port", &port.to_string());
        set("auth_type", "trust");
        set("auth_file", &at("users.txt").display().to_string());
        set("pool_mode", "transaction");
        set("default_pool_size", "10");
        set("server_login_retry", "1");
        set("unix_socket_dir", "");
        set("pidfile", &at("pgbouncer.pid").display().to_string());
        std::fs::write(at("pgbouncer.ini"), text).unwrap();
        give(dir.path(), ACCOUNT);
        let log = std::fs::File::create(at("log")).unwrap();
        let child = as_account(ACCOUNT, program())
            .arg(at("pgbouncer.ini"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("tests/run installs pgbouncer");
        wait("the pooler listens", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        Pooler { dir, port, child }
    }

    /// The address of the shop as an application has it.
    pub(crate) fn app(&self) -> String {
        format!("host=127.0.0.1 port={} dbname=shop user=app", self.port)
    }
}

fn program() -> &'static Path {
    Path::new("/usr/sbin/pgbouncer")
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}
