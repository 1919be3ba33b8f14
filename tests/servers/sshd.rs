//! A private sshd on loopback, for one account and one key.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that ends with the test.
pub(crate) struct Sshd {
    child: Child,
    /// How ssh is called to reach it as `far`.
    pub(crate) ssh: Vec<String>,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tool(name: &str) -> PathBuf {
    let folders = ["/usr/sbin", "/usr/bin", "/sbin", "/usr/local/sbin", "/usr/local/bin"];
    let found = folders.iter().map(|f| Path::new(f).join(name)).find(|p| p.exists());
    found.unwrap_or_else(|| panic!("{name} is missing: `tests/run` installs it"))
}

impl Sshd {
    /// Starts one with its files in `dir`, whose commands find what is in `path`.
    pub(crate) fn start(dir: &Path, path: &str) -> Sshd {
        let at = |name: &str| dir.join(name);
        for key in ["host", "user"] {
            let made = Command::new(tool("ssh-keygen"))
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(at(key))
                .status()
                .unwrap();
            assert!(made.success());
        }
        fs::copy(at("user.pub"), at("authorized")).unwrap();
        fs::set_permissions(at("authorized"), fs::Permissions::from_mode(0o600)).unwrap();
        // Taken and given back: somebody else may get it in between, which the wait below then finds out.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let home = dir.display();
        fs::write(
            at("sshd_config"),
            format!(
                "ListenAddress 127.0.0.1:{port}\nHostKey {home}/host\nAuthorizedKeysFile {home}/authorized\n\
                 PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
                 KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n\
                 SetEnv PATH={path} HOME={home}\n"
            ),
        )
        .unwrap();
        fs::write(
            at("ssh_config"),
            format!(
                "Host far\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {home}/user\n  IdentitiesOnly yes\n  \
                 UserKnownHostsFile /dev/null\n  StrictHostKeyChecking no\n  LogLevel ERROR\n"
            ),
        )
        .unwrap();
        // As root, sshd wants the folder of its unprivileged half.
        let _ = fs::create_dir_all("/run/sshd");
        let child = Command::new(tool("sshd"))
            .args(["-D", "-e", "-f"])
            .arg(at("sshd_config"))
            .stdin(Stdio::null())
            .stderr(fs::File::create(at("sshd.log")).unwrap())
            .spawn()
            .unwrap();
        let ssh = vec!["ssh".to_owned(), "-F".to_owned(), at("ssh_config").display().to_string()];
        let sshd = Sshd { child, ssh };
        let deadline = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = fs::read_to_string(at("sshd.log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "sshd does not answer: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
        sshd
    }
}
