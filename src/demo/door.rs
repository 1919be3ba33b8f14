//! The front door: what users call. Sends each request to one side, and counts.
//!
//! Which side is decided for every request anew, so connections that are kept open follow a switch at
//! once. Where it points outlives the process (`door.json`). `GET /_door` tells what it sees.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use hyper::{Method, Request, Response, StatusCode, Uri};
use serde::{Deserialize, Serialize};

use super::wire::{self, Answer, Caller, json, problem};
use super::{Dir, Side, WorldError, files};
use crate::clock::{Clock, Timestamp};

/// How finely requests are counted, and for how long.
const SLOT_MS: u64 = 100;
const SLOTS: usize = 50;

/// Where the door points, as it stands on disk.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Pointing {
    to: Side,
    since: Timestamp,
}

/// What the door tells at `GET /_door`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoorStatus {
    /// Where requests go.
    pub to: Side,
    /// Since when.
    pub since: Timestamp,
    /// What went to the source.
    pub source: Counted,
    /// What went to the target.
    pub target: Counted,
}

/// The requests that the door sent to one side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Sent in the last five seconds.
    pub last_5s: u64,
    /// Sent and not answered yet.
    pub open: u64,
    /// Sent since the world started.
    pub total: u64,
    /// When the last one was sent, `None` before the first.
    pub last: Option<Timestamp>,
}

pub(super) struct Door {
    dir: Dir,
    clock: Clock,
    pointing: Mutex<Pointing>,
    source: Gauge,
    target: Gauge,
    apps: [Uri; 2],
    caller: Caller,
}

impl Door {
    /// A door that points where it did before. `apps` are the addresses of source and target.
    pub(super) fn new(dir: &Dir, clock: Clock, apps: [Uri; 2]) -> Result<Door, WorldError> {
        let pointing = read(dir)?.unwrap_or(Pointing { to: Side::Source, since: clock.now().wall });
        Ok(Door {
            dir: dir.clone(),
            clock,
            pointing: Mutex::new(pointing),
            source: Gauge::default(),
            target: Gauge::default(),
            apps,
            caller: wire::caller(),
        })
    }

    pub(super) fn to(&self) -> Side {
        self.pointing().to
    }

    /// Sends requests to this side from now on. On disk first: a world that is killed here and started
    /// again points where its answer says.
    pub(super) fn point(&self, to: Side) -> Result<(), WorldError> {
        let mut pointing = self.pointing();
        if pointing.to == to {
            return Ok(());
        }
        let next = Pointing { to, since: self.clock.now().wall };
        files::replace(&self.dir.door(), serde_json::json!(next).to_string().as_bytes())?;
        *pointing = next;
        Ok(())
    }

    fn pointing(&self) -> MutexGuard<'_, Pointing> {
        self.pointing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn status(&self) -> DoorStatus {
        let Pointing { to, since } = *self.pointing();
        let slot = self.slot();
        DoorStatus { to, since, source: self.source.read(slot), target: self.target.read(slot) }
    }

    /// Answers one request: with what a side said, or for itself.
    pub(super) async fn answer(self: Arc<Door>, request: Request<Bytes>) -> Answer {
        if request.method() == Method::GET && request.uri().path() == "/_door" {
            return json(StatusCode::OK, &self.status());
        }
        let side = self.to();
        let gauge = match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        };
        // Not open any more once it is answered, and once whoever asked has hung up: then nobody awaits this.
        let _open = gauge.count(self.slot(), self.clock.now().wall);
        self.forward(side, request).await
    }

    async fn forward(&self, side: Side, request: Request<Bytes>) -> Answer {
        let (mut head, body) = request.into_parts();
        let [source, target] = &self.apps;
        let app = if side == Side::Source { source } else { target };
        let mut parts = app.clone().into_parts();
        parts.path_and_query = head.uri.path_and_query().cloned();
        head.uri = match Uri::from_parts(parts) {
            Ok(uri) => uri,
            Err(e) => return problem(StatusCode::BAD_REQUEST, "malformed", &e.to_string()),
        };
        for ours in [CONNECTION, HOST, TRANSFER_ENCODING] {
            head.headers.remove(ours);
        }
        match wire::ask(&self.caller, Request::from_parts(head, Full::new(body))).await {
            Ok((status, headers, body)) => {
                let mut answer = Response::new(Full::new(body));
                *answer.status_mut() = status;
                *answer.headers_mut() = headers;
                answer.headers_mut().remove(CONNECTION);
                answer.headers_mut().remove(TRANSFER_ENCODING);
                answer
            }
            Err(e) => problem(StatusCode::BAD_GATEWAY, "no-answer", &format!("the {side} gave none: {e}")),
        }
    }

    fn slot(&self) -> u64 {
        self.clock.now().boot.0 / SLOT_MS
    }
}

/// Where the door of this folder points, whether a world runs or not.
pub(super) fn pointing(dir: &Dir) -> Result<Side, WorldError> {
    Ok(read(dir)?.map_or(Side::Source, |p| p.to))
}

fn read(dir: &Dir) -> Result<Option<Pointing>, WorldError> {
    let Some(text) = files::read(&dir.door())? else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|e| WorldError::NotAWorld {
        dir: dir.path().to_owned(),
        why: format!("{} cannot be read: {e}", dir.door().display()),
    })
}

/// Counts requests in slots of a tenth of a second.
#[derive(Debug, Default)]
struct Gauge {
    counts: Mutex<Counts>,
    open: AtomicU64,
}

#[derive(Debug, Default)]
struct Counts {
    /// Slot number and how many; a slot of an earlier round is overwritten.
    slots: Vec<(u64, u64)>,
    total: u64,
    last: Option<Timestamp>,
}

/// A request that a side has not answered.
#[must_use]
struct Open<'g>(&'g Gauge);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Gauge {
    fn count(&self, slot: u64, at: Timestamp) -> Open<'_> {
        self.open.fetch_add(1, Ordering::SeqCst);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.total += 1;
        counts.last = Some(at);
        match counts.slots.last_mut() {
            Some((last, n)) if *last == slot => *n += 1,
            _ => {
                counts.slots.push((slot, 1));
                let oldest = slot.saturating_sub(SLOTS as u64);
                counts.slots.retain(|(slot, _)| *slot > oldest);
            }
        }
        Open(self)
    }

    fn read(&self, now: u64) -> Counted {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = now.saturating_sub(SLOTS as u64);
        Counted {
            last_5s: counts.slots.iter().filter(|(slot, _)| *slot > oldest).map(|(_, n)| n).sum(),
            open: self.open.load(Ordering::SeqCst),
            total: counts.total,
            last: counts.last,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_that_gets_nothing_counts_down_to_zero_in_five_seconds() {
        let gauge = Gauge::default();
        let open =
            [(100, 10_000), (100, 10_001), (110, 11_000)].map(|(slot, at)| gauge.count(slot, Timestamp(at)));
        assert_eq!(gauge.read(110).last_5s, 3);
        assert_eq!(gauge.read(149).last_5s, 3);
        assert_eq!(gauge.read(150).last_5s, 1);
        assert_eq!(gauge.read(160).last_5s, 0);
        assert_eq!(gauge.read(160), Counted { last_5s: 0, open: 3, total: 3, last: Some(Timestamp(11_000)) });
        drop(open);
        assert_eq!(gauge.read(160).open, 0);
    }

    #[tokio::test]
    async fn a_request_that_its_sender_gave_up_is_not_open_any_more() {
        let folder = tempfile::tempdir().unwrap();
        // It takes the request and never answers.
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let app = || format!("http://{}/", silent.local_addr().unwrap()).parse::<Uri>().unwrap();
        let clock = Clock::manual(Timestamp(7_000));
        let door = Arc::new(Door::new(&Dir::new(folder.path()), clock, [app(), app()]).unwrap());
        let request = Request::get("/orders").body(Bytes::new()).unwrap();
        let asked = tokio::spawn(Arc::clone(&door).answer(request));
        let _taken = silent.accept().await.unwrap();
        assert_eq!(door.status().source.open, 1);
        asked.abort();
        assert!(asked.await.unwrap_err().is_cancelled());
        assert_eq!(door.status().source.open, 0);
    }

    #[test]
    fn the_door_points_after_a_restart_where_it_pointed_before() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::new(folder.path());
        let apps = || ["http://127.0.0.1:1", "http://127.0.0.1:2"].map(|u| u.parse::<Uri>().unwrap());
        let clock = Clock::manual(Timestamp(7_000));
        let door = Door::new(&dir, clock.clone(), apps()).unwrap();
        assert_eq!(door.to(), Side::Source);
        door.point(Side::Target).unwrap();
        let again = Door::new(&dir, clock, apps()).unwrap();
        assert_eq!(again.to(), Side::Target);
        assert_eq!(again.status().since, Timestamp(7_000));
        assert_eq!(pointing(&dir).unwrap(), Side::Target);
    }
}
