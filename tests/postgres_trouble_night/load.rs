//! Orders that go on all night.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_postgres::NoTls;

/// A row after the other, for as long as somebody takes them.
pub(super) struct Orders {
    taken: Arc<AtomicI64>,
    end: Arc<AtomicBool>,
}

/// Writes to the server at this address.
pub(super) fn begin(runtime: &Runtime, url: String) -> Orders {
    let orders = Orders { taken: Arc::default(), end: Arc::default() };
    runtime.spawn(order(url, Arc::clone(&orders.taken), Arc::clone(&orders.end)));
    orders
}

impl Orders {
    /// How many were acknowledged.
    pub(super) fn taken(&self) -> i64 {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Drop for Orders {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
    }
}

async fn order(url: String, taken: Arc<AtomicI64>, end: Arc<AtomicBool>) {
    let mut n: i64 = 0;
    while !end.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let Ok((client, line)) = tokio_postgres::connect(&url, NoTls).await else { continue };
        tokio::spawn(line);
        while !end.load(Ordering::Relaxed) {
            // A new one for each try: nobody knows what became of one that was not acknowledged.
            n += 1;
            if client.execute("insert into numbered values (0, $1, 'an order')", &[&n]).await.is_err() {
                break;
            }
            taken.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
