//! What a freeze watches, as it is: a repository, an infrastructure, a release that says its version.

#![allow(dead_code, reason = "each test program uses some of it")]

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// When whoever commits says that they did.
pub(crate) const TOMORROW: &str = "2026-12-05T22:04:05+01:00";

/// Runs git as Jun; what it says.
pub(crate) fn git(dir: &Path, args: &[&str]) -> String {
    let done = Command::new("git")
        .args(args)
        .current_dir(dir)
        .env("GIT_AUTHOR_NAME", "Jun")
        .env("GIT_AUTHOR_EMAIL", "jun@example.net")
        .env("GIT_COMMITTER_NAME", "Jun")
        .env("GIT_COMMITTER_EMAIL", "jun@example.net")
        .env("GIT_COMMITTER_DATE", TOMORROW)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(done.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

/// Runs terraform.
pub(crate) fn terraform(folder: &Path, args: &[&str]) {
    let done = Command::new("terraform")
        .args(args)
        .current_dir(folder)
        .env_remove("TF_CLI_CONFIG_FILE")
        .env("CHECKPOINT_DISABLE", "1")
        .output()
        .expect("the tests of terraform's monitor need terraform on the PATH");
    assert!(done.status.success(), "terraform {args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Serves every connection with `answer(request)`; the address.
pub(crate) async fn serve<F, A>(answer: F) -> String
where
    F: Fn(String, TcpStream) -> A + Send + Sync + 'static,
    A: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            while !request.windows(4).any(|w| w == b"\r\n\r\n") {
                match stream.read(&mut buffer).await {
                    Ok(n) if n > 0 => request.extend_from_slice(&buffer[..n]),
                    _ => break,
                }
            }
            tokio::spawn(answer(String::from_utf8_lossy(&request).into_owned(), stream));
        }
    });
    address
}

/// A server that answers with whatever is put there, headers and all.
pub(crate) async fn says(first: &str) -> (String, Arc<Mutex<String>>) {
    let answer = Arc::new(Mutex::new(first.to_owned()));
    let now = Arc::clone(&answer);
    let address = serve(move |_, mut stream| {
        let answer = now.lock().unwrap().clone();
        async move {
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    })
    .await;
    (format!("http://{address}/version"), answer)
}

/// An answer with these headers and this body.
pub(crate) fn ok(headers: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{headers}\r\n{body}")
}
