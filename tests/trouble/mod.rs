//! What can go wrong with two servers: how each fault is made, what must be said of it, and how it is mended.

use std::pin::Pin;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Passes bytes on, or takes connections and bytes and passes nothing on.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    pub(crate) hole: watch::Sender<bool>,
}

impl Proxy {
    pub(crate) async fn before(server: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (hole, open) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let mut open = open.clone();
                tokio::spawn(async move {
                    open.wait_for(|hole| !hole).await.ok()?;
                    let far = TcpStream::connect(("127.0.0.1", server)).await.ok()?;
                    let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
                    tokio::spawn(pass(from_far, to_near, open.clone()));
                    pass(from_near, to_far, open).await
                });
            }
        });
        Proxy { port, hole }
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut open: watch::Receiver<bool>,
) -> Option<()> {
    let mut bytes = [0; 8192];
    loop {
        let n = from.read(&mut bytes).await.ok().filter(|&n| n > 0)?;
        open.wait_for(|hole| !hole).await.ok()?;
        to.write_all(&bytes[..n]).await.ok()?;
    }
}

/// What somebody does to the servers.
pub(crate) type Deed<W> = for<'a> fn(&'a mut W) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

pub(crate) struct Fault<W> {
    pub(crate) name: &'static str,
    pub(crate) make: Deed<W>,
    /// What must stand in the second look's text.
    pub(crate) words: &'static [&'static str],
    pub(crate) mend: Deed<W>,
}

/// A [`Deed`] of an expression.
macro_rules! deed {
    ($world:ident, $body:expr) => {
        |$world| {
            Box::pin(async move {
                $body;
            })
        }
    };
}
pub(crate) use deed;
