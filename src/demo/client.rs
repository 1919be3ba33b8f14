//! The shop's customers: a steady stream of orders through the front door, whatever happens behind it.
//!
//! Whoever is told no goes away and is counted as refused. Whoever is told nothing asks again with the
//! same id until there is an answer, so that no order is in doubt. A second, thin stream goes straight at
//! both applications all the time: it shows when a side takes orders that it should not take.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request, StatusCode, Uri};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::Side;
use super::client_log::{Line, Way};
use super::parts::Stop;
use super::tables::{CUSTOMERS, PRODUCTS, scatter};
use super::wire::{self, Caller, NoAnswer, SIDE};
use crate::clock::{Clock, Timestamp};

/// How often the stream is topped up to its rate.
const TICK: Duration = Duration::from_millis(20);
/// How many customers wait for an answer at once; beyond it no new ones come.
const WAITING: usize = 64;
/// How long a customer without an answer waits before asking again.
const AGAIN: Duration = Duration::from_millis(100);

/// What the customers have seen since the world started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientStatus {
    /// Orders that were taken, by either way.
    pub accepted: u64,
    /// Orders through the front door that were refused.
    pub refused: u64,
    /// Attempts without a clear answer; each was asked again.
    pub unclear: u64,
    /// Since when the front door refuses orders, `None` while it takes them.
    pub refused_since: Option<Timestamp>,
}

/// How much the customers want.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) orders_per_second: u32,
    /// How often each application is tried directly.
    pub(super) direct_every: Duration,
}

/// Where the customers go.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    pub(super) door: Uri,
    pub(super) source: Uri,
    pub(super) target: Uri,
}

/// Customers, as the rest of the world sees them.
pub(super) struct Client {
    clock: Clock,
    stop: Stop,
    caller: Caller,
    log: mpsc::Sender<Line>,
    password: String,
    /// Tells this world's orders from those of an earlier start on the same folder.
    start: i64,
    count: AtomicU64,
    status: Mutex<ClientStatus>,
}

impl Client {
    pub(super) fn new(clock: Clock, stop: Stop, password: String, log: mpsc::Sender<Line>) -> Arc<Client> {
        let start = clock.now().wall.0;
        let caller = wire::caller();
        Arc::new(Client {
            clock,
            stop,
            caller,
            log,
            password,
            start,
            count: AtomicU64::new(0),
            status: Mutex::default(),
        })
    }

    /// Sends orders until the end is asked for; returns when every one of them is answered.
    pub(super) async fn run(self: Arc<Client>, to: Addresses, pace: Pace) {
        let door = Arc::clone(&self).through_the_door(to.door, pace.orders_per_second);
        let source = Arc::clone(&self).straight_at(to.source, pace.direct_every);
        let target = Arc::clone(&self).straight_at(to.target, pace.direct_every);
        tokio::join!(door, source, target);
    }

    pub(super) fn status(&self) -> ClientStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn through_the_door(self: Arc<Client>, door: Uri, per_second: u32) {
        let visitor = Arc::new(Visitor::new(Way::Door, door));
        let seats = Arc::new(Semaphore::new(WAITING));
        let mut waiting = JoinSet::new();
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut last = self.clock.now().boot;
        // Orders owed, in thousandths, so that any rate comes out even.
        let mut owed: u64 = 0;
        while !self.stop.is_asked() {
            tick.tick().await;
            let now = self.clock.now().boot;
            owed += u64::from(per_second) * (now.0 - last.0);
            last = now;
            while owed >= 1000 {
                owed -= 1000;
                // All seats taken: this customer does not come in, and nobody queues up for later.
                let Ok(seat) = Arc::clone(&seats).try_acquire_owned() else { continue };
                let (client, visitor) = (Arc::clone(&self), Arc::clone(&visitor));
                waiting.spawn(async move {
                    client.order(&visitor).await;
                    drop(seat);
                });
            }
            while waiting.try_join_next().is_some() {}
        }
        while waiting.join_next().await.is_some() {}
    }

    async fn straight_at(self: Arc<Client>, app: Uri, every: Duration) {
        let visitor = Visitor::new(Way::Direct, app);
        let mut tick = interval(every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while !self.stop.is_asked() {
            tokio::select! {
                _ = tick.tick() => self.order(&visitor).await,
                _ = self.stop.asked() => {}
            }
        }
    }

    /// Places one order, and asks until it is clear what became of it.
    async fn order(&self, visitor: &Visitor) {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let id = format!("o-{:x}-{number:06}", self.start);
        let order = order(&id, scatter(number ^ self.start.unsigned_abs()));
        loop {
            let sent = self.clock.now().wall;
            let answer = self.post(visitor, &order).await;
            let answered = self.clock.now().wall;
            let (side, status) = match answer {
                Ok(Some((side, status))) => (side, status.as_u16()),
                // Not signed in here: no answer to the order, so the order goes out again.
                Ok(None) => (None, 0),
                Err(e) => {
                    tracing::debug!("{id}: {e}");
                    (None, 0)
                }
            };
            let line = Line { sent, answered, way: visitor.way, id: id.clone(), side, status };
            let unclear = line.unclear();
            self.count_in(&line);
            if self.log.send(line).await.is_err() {
                // The log's writer is gone and has ended the world; nobody would remember this order.
                return;
            }
            if !unclear || self.stop.is_asked() {
                return;
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn count_in(&self, line: &Line) {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        if line.accepted() {
            status.accepted += 1;
        } else if line.unclear() {
            status.unclear += 1;
        }
        if line.way == Way::Direct {
            return;
        }
        if line.accepted() {
            // One that was sent before the first refusal proves nothing about now.
            status.refused_since = status.refused_since.filter(|since| line.sent <= *since);
        } else if !line.unclear() {
            status.refused += 1;
            status.refused_since = status.refused_since.or(Some(line.answered));
        }
    }

    /// Signs in where need be and sends the order. `None` when the sign-in was not taken either.
    async fn post(
        &self,
        visitor: &Visitor,
        order: &Value,
    ) -> Result<Option<(Option<Side>, StatusCode)>, NoAnswer> {
        for _attempt in 0..2 {
            let session = visitor.session();
            let (status, headers, _) =
                wire::ask(&self.caller, visitor.request("/orders", &session, order)).await?;
            if status != StatusCode::UNAUTHORIZED {
                let side = headers.get(SIDE).and_then(|v| v.to_str().ok()).and_then(Side::parse);
                return Ok(Some((side, status)));
            }
            let credentials = json!({ "user": "visitor", "password": self.password });
            let (status, _, body) =
                wire::ask(&self.caller, visitor.request("/login", "", &credentials)).await?;
            if status != StatusCode::OK {
                return Ok(None);
            }
            visitor.remember(&body);
        }
        Ok(None)
    }
}

/// Somebody at one address, with a sign-in there.
struct Visitor {
    way: Way,
    base: Uri,
    session: Mutex<String>,
}

impl Visitor {
    fn new(way: Way, base: Uri) -> Visitor {
        Visitor { way, base, session: Mutex::default() }
    }

    fn session(&self) -> String {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, sign_in: &Bytes) {
        let sign_in: Value = serde_json::from_slice(sign_in).unwrap_or_default();
        let id = sign_in.pointer("/session/id").and_then(Value::as_str).unwrap_or_default();
        id.clone_into(&mut self.session.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn request(&self, path: &'static str, session: &str, body: &Value) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(Bytes::from(body.to_string())));
        let mut uri = self.base.clone().into_parts();
        uri.path_and_query = Some(hyper::http::uri::PathAndQuery::from_static(path));
        *request.uri_mut() = Uri::from_parts(uri).unwrap_or_else(|_| self.base.clone());
        *request.method_mut() = Method::POST;
        request
            .headers_mut()
            .insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
        if let Ok(bearer) = hyper::header::HeaderValue::from_str(&format!("Bearer {session}")) {
            request.headers_mut().insert(AUTHORIZATION, bearer);
        }
        request
    }
}

/// One or two lines for a customer, decided by `chance`.
fn order(id: &str, chance: u64) -> Value {
    let line = |n: u64| json!({ "product": scatter(chance ^ n) % PRODUCTS + 1, "quantity": n });
    let lines: Vec<Value> = (1..=chance % 2 + 1).map(line).collect();
    json!({ "id": id, "customer": chance % CUSTOMERS + 1, "lines": lines })
}
