//! The world's process: makes the folder, starts the parts, and ends when told or when nobody wants it.
//!
//! Whoever starts it does so detached and holds it with [`super::hold`] for as long as it is wanted. Its
//! ports stay the same over every start on one folder, so that a plan that names them stays true.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::actions::Levers;
use super::client::{self, Addresses, Client};
use super::control::{self, Reply, Request};
use super::door::Door;
use super::orders::Orders;
use super::parts::{Cause, Part, Stop};
use super::price_job::{self, PriceJob};
use super::replicator::{self, Replicator};
use super::shop::Shop;
use super::store::Store;
use super::{Dir, Side, Status, WorldError, client_log, files, folder, wire};
use crate::clock::{Clock, Timestamp};
use crate::counts::counted;
use crate::databases::sqlite::convention;

pub use super::folder::make;

/// How often the world looks whether anybody holds it.
const LOOK: Duration = Duration::from_secs(1);
/// How long who ends a world waits before it looks again whether it has ended.
const AGAIN: Duration = Duration::from_millis(10);
/// How long the replicator may take to carry the rest at the end.
const CARRY_THE_REST: Duration = Duration::from_secs(2);

/// How lively the world is.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Orders through the front door.
    pub orders_per_second: u32,
    /// How often each side's application is tried directly.
    pub direct_every: Duration,
    /// How often the price job writes.
    pub prices_every: Duration,
    /// How many prices it changes each time.
    pub prices: u64,
    /// How often the replicator carries a batch: how far it is behind, at a steady rate.
    pub replicate_every: Duration,
    /// How many changes a batch has at most: how fast it makes up for a stop.
    pub batch: u32,
    /// How long the world goes on when nobody holds it.
    pub linger: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            orders_per_second: 300,
            direct_every: Duration::from_millis(200),
            prices_every: Duration::from_secs(3),
            prices: 40,
            replicate_every: Duration::from_millis(250),
            batch: 1000,
            linger: Duration::from_secs(600),
        }
    }
}

impl Settings {
    /// For tests: fewer orders, and no long waits.
    #[must_use]
    pub fn fast() -> Settings {
        Settings {
            orders_per_second: 100,
            direct_every: Duration::from_millis(50),
            prices_every: Duration::from_millis(200),
            prices: 10,
            replicate_every: Duration::from_millis(50),
            ..Settings::default()
        }
    }
}

/// A world that runs, as it stands in `world.json`. What `/login` wants stands in [`Dir::password`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Its process.
    pub pid: u32,
    /// When it started.
    pub started: Timestamp,
    /// The front door's port on 127.0.0.1.
    pub door: u16,
    /// The port of the source's order application.
    pub source: u16,
    /// The port of the target's.
    pub target: u16,
}

/// The world that runs on this folder, `None` when none does.
///
/// # Errors
/// When the folder cannot be read, or `world.json` is not one.
pub fn find(dir: &Path) -> Result<Option<Running>, WorldError> {
    let Some(running) = read_running(&Dir::new(dir))? else { return Ok(None) };
    match control::status(dir) {
        Ok(_) => Ok(Some(running)),
        Err(WorldError::NotRunning { .. }) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Ends the world that runs on this folder, and waits until it has.
///
/// # Errors
/// [`WorldError::NotRunning`] when none does; [`WorldError::Refused`] when it takes longer than `patience`.
pub fn end(dir: &Path, patience: Duration) -> Result<(), WorldError> {
    control::tell(dir, &control::Request::End)?;
    let began = Instant::now();
    while files::take_world(&Dir::new(dir))?.is_none() {
        if began.elapsed() > patience {
            let why =
                format!("the world on {} is asked to end, and goes on after {patience:?}", dir.display());
            return Err(WorldError::Refused(why));
        }
        std::thread::sleep(AGAIN);
    }
    Ok(())
}

fn read_running(dir: &Dir) -> Result<Option<Running>, WorldError> {
    let Some(text) = files::read(&dir.world_json())? else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|e| WorldError::NotAWorld {
        dir: dir.path().to_owned(),
        why: format!("{} cannot be read: {e}", dir.world_json().display()),
    })
}

/// Runs the world on this folder until it is told to end, or until nobody has held it for a while.
///
/// # Errors
/// [`WorldError::Held`] when one runs there already; else why it could not start, or which part gave up.
pub fn main(dir: &Path, settings: &Settings) -> Result<(), WorldError> {
    let dir = Dir::new(dir);
    folder::prepare(dir.path())?;
    let Some(lock) = files::take_world(&dir)? else {
        let pid = read_running(&dir)?.map(|running| running.pid);
        return Err(WorldError::Held { dir: dir.path().to_owned(), pid });
    };
    make(dir.path())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(WorldError::file("start the threads of", dir.path()))?;
    let ended = runtime.block_on(run(&dir, settings));
    runtime.shutdown_timeout(Duration::from_secs(2));
    drop(lock);
    ended
}

async fn run(dir: &Dir, settings: &Settings) -> Result<(), WorldError> {
    let clock = Clock::system();
    let stop = Stop::new();
    let password = files::read(&dir.password())?.unwrap_or_default();
    let source = find_store(dir, Side::Source)?;
    let target = find_store(dir, Side::Target)?;
    let listeners = Listeners::open(read_running(dir)?.as_ref()).await?;
    let running = listeners.describe(&clock)?;
    let to = running.addresses()?;

    let mut parts = Vec::new();
    for (store, listener) in [(&source, listeners.source), (&target, listeners.target)] {
        let (orders, part) = Orders::start(Arc::clone(store), clock.clone(), &stop)?;
        parts.push(part);
        let app = Arc::new(Shop::new(Arc::clone(store), orders, password.clone()));
        tokio::spawn(wire::serve(listener, stop.clone(), move |request| Arc::clone(&app).answer(request)));
    }
    let door = Arc::new(Door::new(dir, clock.clone(), [to.source.clone(), to.target.clone()])?);
    tokio::spawn(wire::serve(listeners.door, stop.clone(), {
        let door = Arc::clone(&door);
        move |request| Arc::clone(&door).answer(request)
    }));
    let pace = replicator::Pace { every: settings.replicate_every, batch: settings.batch };
    let (replicator, part) = Replicator::start(dir, Arc::clone(&source), Arc::clone(&target), &stop, pace)?;
    parts.push(part);
    let pace = price_job::Pace { every: settings.prices_every, prices: settings.prices };
    let (price_job, part) = PriceJob::start(Arc::clone(&source), clock.clone(), &stop, pace)?;
    parts.push(part);

    let (lines, received) = client_log::channel();
    let log = client_log::open(&dir.client_log())?;
    let guard = stop.guard("client's log");
    let log = tokio::spawn(async move {
        let _guard = guard;
        client_log::write(log, received).await
    });
    let client = Client::new(clock.clone(), stop.clone(), password, lines);

    let levers = Levers { clock, source, target, replicator: replicator.clone(), door };
    let world = World { levers, price_job, client: Arc::clone(&client), stop: stop.clone() };
    let listener = control::listen(dir)?;
    tokio::spawn(control::serve(listener, stop.clone(), Arc::new(move |request| world.answer(&request))));
    files::replace(&dir.world_json(), serde_json::json!(running).to_string().as_bytes())?;

    let pace =
        client::Pace { orders_per_second: settings.orders_per_second, direct_every: settings.direct_every };
    let guard = stop.guard("client");
    let client = tokio::spawn(async move {
        let _guard = guard;
        client.run(to, pace).await;
    });

    let cause = tokio::select! {
        cause = stop.asked() => cause,
        cause = unwanted(dir, settings.linger) => cause?,
        cause = signalled() => cause?,
    };
    tracing::info!("ending: {cause}");
    stop.ask(cause.clone());
    settle(stop, client, log, parts, dir).await?;
    let batch = settings.batch;
    let rest = tokio::task::spawn_blocking(move || replicator.carry_the_rest(CARRY_THE_REST, batch));
    rest.await.map_err(|_| WorldError::PartEnded("replicator"))?;
    match cause {
        Cause::Asked(_) => Ok(()),
        Cause::PartEnded(part) => Err(WorldError::PartEnded(part)),
    }
}

/// Lets every order in flight be answered, then tells the parts, then forces the client's log to disk.
async fn settle(
    stop: Stop,
    client: tokio::task::JoinHandle<()>,
    log: tokio::task::JoinHandle<io::Result<()>>,
    parts: Vec<Part>,
    dir: &Dir,
) -> Result<(), WorldError> {
    let client = client.await.map_err(|_| WorldError::PartEnded("client"));
    stop.tell();
    let log = match log.await {
        Ok(written) => written.map_err(WorldError::file("write", dir.client_log())),
        Err(_) => Err(WorldError::PartEnded("client's log")),
    };
    let parts = tokio::task::spawn_blocking(|| parts.into_iter().try_for_each(Part::join))
        .await
        .unwrap_or(Err(WorldError::PartEnded("world")));
    folder::remove(&dir.control())?;
    client.and(log).and(parts)
}

/// The side's database, without the sessions that an earlier world left open when it was killed: a server
/// would have noticed.
fn find_store(dir: &Dir, side: Side) -> Result<Arc<Store>, WorldError> {
    let store = Store::find(dir, side)?;
    if let Some(lease) = store.lease() {
        let left = convention::forget_sessions(&convention::open(&store.path())?)?;
        drop(lease);
        if left > 0 {
            tracing::info!(
                "{} of an earlier world on the {side} gone",
                counted(left as u64, "session", "sessions")
            );
        }
    }
    Ok(Arc::new(store))
}

/// Waits until nobody has held the world for `linger`.
async fn unwanted(dir: &Dir, linger: Duration) -> Result<Cause, WorldError> {
    let mut held = Instant::now();
    let mut look = tokio::time::interval(LOOK.min(linger / 4).max(Duration::from_millis(10)));
    loop {
        look.tick().await;
        if files::is_held(dir)? {
            held = Instant::now();
        } else if held.elapsed() >= linger {
            return Ok(Cause::Asked(format!("nobody held it for {} s", linger.as_secs())));
        }
    }
}

async fn signalled() -> Result<Cause, WorldError> {
    let listen = |kind| signal(kind).map_err(WorldError::file("listen for", "signals"));
    let (mut term, mut int) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    Ok(Cause::Asked("a signal".to_owned()))
}

/// What the world listens on, on 127.0.0.1.
struct Listeners {
    door: TcpListener,
    source: TcpListener,
    target: TcpListener,
}

impl Listeners {
    /// The ports of an earlier start, or free ones.
    async fn open(before: Option<&Running>) -> Result<Listeners, WorldError> {
        Ok(Listeners {
            door: wire::listen("front door", before.map(|r| r.door)).await?,
            source: wire::listen("source's order application", before.map(|r| r.source)).await?,
            target: wire::listen("target's order application", before.map(|r| r.target)).await?,
        })
    }

    fn describe(&self, clock: &Clock) -> Result<Running, WorldError> {
        let number = |listener: &TcpListener| {
            let address = listener.local_addr().map_err(WorldError::file("look at", "127.0.0.1"))?;
            Ok::<_, WorldError>(address.port())
        };
        Ok(Running {
            pid: std::process::id(),
            started: clock.now().wall,
            door: number(&self.door)?,
            source: number(&self.source)?,
            target: number(&self.target)?,
        })
    }
}

impl Running {
    fn addresses(&self) -> Result<Addresses, WorldError> {
        let address = |number: u16| {
            let parsed = format!("http://127.0.0.1:{number}/").parse();
            parsed.map_err(|e: hyper::http::uri::InvalidUri| WorldError::Refused(e.to_string()))
        };
        Ok(Addresses {
            door: address(self.door)?,
            source: address(self.source)?,
            target: address(self.target)?,
        })
    }
}

/// What the control socket reaches.
struct World {
    levers: Levers,
    price_job: PriceJob,
    client: Arc<Client>,
    stop: Stop,
}

impl World {
    fn answer(&self, request: &Request) -> Reply {
        let done = match request {
            Request::Status => return Reply::Status(Box::new(self.status())),
            Request::Point { to } => {
                self.levers.door.point(*to).map(|()| format!("the front door sends users to the {to}"))
            }
            Request::Replicate { direction } => {
                self.levers.replicator.turn(*direction).map(|left| match left {
                    None => "changes are carried in this direction".to_owned(),
                    Some(0) => "turned round; the other direction had carried everything".to_owned(),
                    Some(left) => {
                        let left = counted(
                            left,
                            "change of the other direction is",
                            "changes of the other direction are",
                        );
                        format!("turned round; {left} not carried")
                    }
                })
            }
            Request::Perform { action } => self.levers.pull(*action),
            Request::End => {
                self.stop.ask(Cause::Asked("a command".to_owned()));
                Ok("the world is ending".to_owned())
            }
        };
        match done {
            Ok(said) => Reply::Done(said),
            Err(e) => Reply::Refused(e.to_string()),
        }
    }

    fn status(&self) -> Status {
        Status {
            door: self.levers.door.status(),
            replication: self.levers.replicator.status(),
            price_job: self.price_job.status(),
            client: self.client.status(),
            target_here: self.levers.target.is_here(),
        }
    }
}
