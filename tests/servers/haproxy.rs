//! A private front door before two servers: `HAProxy`, which passes connections on and knows nothing of what is in them.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{free_port, wait};

/// A front door in a folder of its own; killed when the test is over.
pub(crate) struct Door {
    pub(crate) dir: TempDir,
    pub(crate) port: u16,
    child: Child,
}

impl Door {
    /// Before the ports of both sides, by the configuration that lies beside the sample plan; clients are sent to the source.
    pub(crate) fn start(source: u16, target: u16) -> Door {
        let dir = tempfile::Builder::new().prefix("cutover-door-").tempdir().unwrap();
        let port = free_port();
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-plans/mariadb");
        for name in ["haproxy.cfg", "source.cfg", "target.cfg"] {
            let text = std::fs::read_to_string(sample.join(name)).unwrap();
            let text = text
                .replace("bind :3306", &format!("bind 127.0.0.1:{port}"))
                .replace("db.dc1.example:3306", &format!("127.0.0.1:{source}"))
                .replace("db.cloud.example:3306", &format!("127.0.0.1:{target}"));
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        std::os::unix::fs::symlink("source.cfg", dir.path().join("side.cfg")).unwrap();
        let child = run(dir.path());
        wait("the front door listens", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        Door { dir, port, child }
    }

    /// Ends it and starts it anew, as a restart of its host does.
    pub(crate) fn restart(&mut self) {
        self.end();
        self.child = run(self.dir.path());
        wait("the front door listens", || std::net::TcpStream::connect(("127.0.0.1", self.port)).ok());
    }

    fn end(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// In one process, so that whoever kills it has killed all of it.
fn run(dir: &Path) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(dir.join("log")).unwrap();
    Command::new("/usr/sbin/haproxy")
        .args(["-db", "-f", "haproxy.cfg", "-f", "side.cfg"])
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .expect("tests/run installs haproxy")
}

impl Drop for Door {
    fn drop(&mut self) {
        self.end();
    }
}
