//! A shop with sign-in, another program than ours, and what a user does there, as a plan writes it.

#![allow(dead_code, reason = "each test program uses some of it")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// What the shop lets in.
pub(crate) const PASSWORD: &str = "p&ss w0rd<1>";

/// The shop; it ends with the test.
pub(crate) struct Shop {
    child: Child,
    pub(crate) port: String,
}

impl Shop {
    pub(crate) fn new() -> Shop {
        Shop::with(&[])
    }

    pub(crate) fn with(args: &[&Path]) -> Shop {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/signed/shop.py");
        let mut child = Command::new("python3")
            .arg(script)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the tests of flows need python3 on the PATH");
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Shop { child, port: port.trim().to_owned() }
    }

    /// Its address under this name of the machine.
    pub(crate) fn at(&self, host: &str) -> String {
        format!("http://{host}:{}", self.port)
    }

    /// Every request that it has got.
    pub(crate) fn log(&self) -> Vec<Value> {
        let mut stream = TcpStream::connect(format!("127.0.0.1:{}", self.port)).unwrap();
        stream.write_all(b"GET /log HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let mut all: Vec<Value> = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        all.retain(|request| request["asked"] != "GET /log");
        all
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Signs in by the page's form, places an order, pays and looks at it, and takes it back.
pub(crate) const SIGN_IN: &str = r#"
[[validation.http.flow]]
get  = "${shop}/login"
keep = { csrf = { match = 'name="csrf" value="([^"]+)"' }, action = { match = 'action="([^"]+)"' } }

[[validation.http.flow]]
post   = "${kept:action}"
form   = { user = "probe", password = "${file:password}", csrf = "${kept:csrf}" }
expect = { json = { "/session/valid" = true } }
keep   = { csrf = { header = "X-Csrf" } }

[[validation.http.flow]]
post    = "${shop}/orders"
headers = { x-csrf = "${kept:csrf}" }
json    = { item = "a book", count = 1 }
expect  = { status = 201, within = "5s", headers = { content-type = "json" }, json = { "/state" = "placed" }, has = "/id" }
keep    = { order = { json = "/id" }, link = { header = "location" } }

[[validation.http.flow]]
put    = "${shop}/orders/${kept:order}"
json   = { id = "${kept:order}", state = "paid" }
expect = { status = [204, "3xx"] }

[[validation.http.flow]]
head = "${kept:link}"

[[validation.http.flow]]
get    = "${kept:link}"
expect = { matches = '"state": *"(placed|paid)"', number = "/id", at_least = 17 }

[[validation.http.flow]]
delete = "${shop}/orders/${kept:order}"
expect = { status = "2xx" }
"#;
