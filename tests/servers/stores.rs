//! Private object stores on loopback: moto for S3, Azurite for Azure Blob. `tests/run` installs both.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};

/// The account that every Azurite has, and its key, which is public.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Asks for a container as Azure wants it signed; there is nothing in the client for that.
const MAKE_CONTAINER: &str = r#"
import base64, hashlib, hmac, sys, urllib.request
from email.utils import formatdate
port, account, key = sys.argv[1:]
headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
text = "PUT" + "\n" * 12 + "".join(f"{k}:{v}\n" for k, v in sorted(headers.items()))
text += f"/{account}/{account}/box\nrestype:container"
mac = base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()).decode()
headers["Authorization"] = f"SharedKey {account}:{mac}"
url = f"http://127.0.0.1:{port}/{account}/box?restype=container"
urllib.request.urlopen(urllib.request.Request(url, method="PUT", headers=headers)).read()
"#;

/// A store with one empty box, `box`, that ends with the test.
pub(crate) struct Server {
    child: Child,
    /// What stands before a path in an address of ours.
    pub(crate) address: &'static str,
    /// How to get in.
    pub(crate) env: Vec<(&'static str, String)>,
    pub(crate) store: Arc<dyn ObjectStore>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where `tests/run` installs what no package of the system has.
fn installed(name: &str) -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"));
    let path = cache.join("cutover-tests").join(name);
    assert!(path.exists(), "{} is missing: `tests/run` installs it", path.display());
    path
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn start(mut command: Command, port: u16, dir: &Path) -> Child {
    let log = std::fs::File::create(dir.join("store.log")).unwrap();
    let mut child =
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        let said = || std::fs::read_to_string(dir.join("store.log")).unwrap_or_default();
        assert!(child.try_wait().unwrap().is_none(), "the store has ended: {}", said());
        assert!(Instant::now() < deadline, "the store does not answer: {}", said());
        std::thread::sleep(Duration::from_millis(50));
    }
    child
}

/// S3.
pub(crate) fn moto(dir: &Path) -> Server {
    let port = free_port();
    let mut command = Command::new(installed("moto/bin/moto_server"));
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    let child = start(command, port, dir);
    let endpoint = format!("http://127.0.0.1:{port}");
    let made = Command::new(installed("moto/bin/python"))
        .args([
            "-c",
            "import sys, urllib.request as u; u.urlopen(u.Request(sys.argv[1], method='PUT')).read()",
        ])
        .arg(format!("{endpoint}/box"))
        .status()
        .unwrap();
    assert!(made.success(), "no bucket was made");
    let store = AmazonS3Builder::new()
        .with_endpoint(&endpoint)
        .with_allow_http(true)
        .with_region("us-east-1")
        .with_access_key_id("who")
        .with_secret_access_key("hunter2-s3")
        .with_bucket_name("box")
        .build()
        .unwrap();
    let env = vec![
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "who".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "hunter2-s3".to_owned()),
    ];
    Server { child, address: "s3://box", env, store: Arc::new(store) }
}

/// Azure Blob.
pub(crate) fn azurite(dir: &Path) -> Server {
    let port = free_port();
    let mut command = Command::new(installed("azurite/node_modules/.bin/azurite-blob"));
    command.args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string(), "--skipApiVersionCheck"]);
    command.arg("--location").arg(dir);
    let child = start(command, port, dir);
    let made = Command::new("python3")
        .args(["-c", MAKE_CONTAINER, &port.to_string(), ACCOUNT, KEY])
        .status()
        .unwrap();
    assert!(made.success(), "no container was made");
    let endpoint = format!("http://127.0.0.1:{port}/{ACCOUNT}");
    let store = MicrosoftAzureBuilder::new()
        .with_endpoint(endpoint.clone())
        .with_allow_http(true)
        .with_account(ACCOUNT)
        .with_access_key(KEY)
        .with_container_name("box")
        .build()
        .unwrap();
    let env = vec![("AZURE_STORAGE_ENDPOINT", endpoint), ("AZURE_STORAGE_KEY", KEY.to_owned())];
    Server { child, address: "az://devstoreaccount1/box", env, store: Arc::new(store) }
}

impl Server {
    /// Puts an object in one piece: its digest is published.
    pub(crate) async fn put(&self, key: &str, holds: &[u8]) {
        let key = object_store::path::Path::parse(key).unwrap();
        self.store.put(&key, holds.to_vec().into()).await.unwrap();
    }

    /// Puts an object in pieces: no digest of the whole is published.
    pub(crate) async fn put_in_pieces(&self, key: &str, pieces: &[Vec<u8>]) {
        let key = object_store::path::Path::parse(key).unwrap();
        let mut upload = self.store.put_multipart(&key).await.unwrap();
        for piece in pieces {
            upload.put_part(PutPayload::from(piece.clone())).await.unwrap();
        }
        upload.complete().await.unwrap();
    }
}
