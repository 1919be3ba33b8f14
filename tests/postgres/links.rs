//! Replication: how far, whether it flows, and what it does not carry.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cutover::databases::{Database, Ends, Error, Lag, Link, link};

use super::servers::postgres::Postgres;
use super::{furnish, shop};

struct Pair {
    source: Postgres,
    target: Postgres,
    from: Arc<dyn Database>,
    to: Arc<dyn Database>,
    link: Arc<dyn Link>,
}

impl Pair {
    /// Two servers and a subscription between them.
    async fn logical() -> Pair {
        let (source, target) = (Postgres::start(), Postgres::start());
        for server in [&source, &target] {
            furnish(server, true).await;
        }
        source.sql("shop", "create publication cutover for table customers, orders, cutover.marker");
        target.sql(
            "shop",
            &format!(
                "create subscription cutover connection 'host=127.0.0.1 port={} user=postgres dbname=shop' publication cutover",
                source.port
            ),
        );
        let (from, to) = (shop("source", &source), shop("target", &target));
        let ends = Ends { from: Arc::clone(&from), to: Arc::clone(&to), name: Some("cutover".to_owned()) };
        let link = link("postgres_logical", ends).unwrap();
        let pair = Pair { source, target, from, to, link };
        pair.until("it follows", |lag| lag.behind == 0 && lag.stopped.is_none()).await;
        let began = Instant::now();
        while !pair.link.gaps(&[]).await.unwrap().is_empty() {
            assert!(began.elapsed() < Duration::from_secs(20), "{:?}", pair.link.gaps(&[]).await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        pair
    }

    /// As a gauge looks: a marker, then the positions.
    async fn look(&self) -> Result<Lag, Error> {
        self.from.write_marker("gauge").await.unwrap();
        self.link.lag().await
    }

    /// Looks until it is so. Of a worker that has only just begun there is no number yet, nor of one that falls over what it
    /// is about to apply while it is looked at.
    async fn until(&self, what: &str, is: impl Fn(&Lag) -> bool) -> Lag {
        let began = Instant::now();
        loop {
            let looked = match self.look().await {
                Err(Error::Broken { why, .. })
                    if why == "nothing is confirmed yet" || why.contains("fails and starts again") =>
                {
                    None
                }
                looked => Some(looked.unwrap()),
            };
            match looked {
                Some(lag) if is(&lag) => return lag,
                _ => assert!(
                    began.elapsed() < Duration::from_secs(30),
                    "{what}: {looked:?}\n{}",
                    self.target.log()
                ),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test]
async fn a_subscription_is_at_zero_when_everything_is_there_and_says_why_when_it_is_not() {
    let pair = Pair::logical().await;
    // Zero on a server where nothing happens but markers, again and again.
    let mut zeros = 0;
    for _ in 0..20 {
        zeros += u32::from(pair.look().await.unwrap().behind == 0);
    }
    assert!(zeros >= 18, "a quiet link was at zero {zeros} of 20 times");

    // A captured position is reached.
    pair.source.sql("shop", "insert into customers select g, 'x' from generate_series(1, 1000) g");
    let end = pair.from.position().await.unwrap();
    let began = Instant::now();
    while !pair.link.reached(&end).await.unwrap() {
        assert!(began.elapsed() < Duration::from_secs(20), "the position is not reached");
        pair.from.write_marker("again").await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(pair.to.count("public.customers").await.unwrap(), 1000);

    // Disabled: it says so, and what is written since is behind.
    pair.target.sql("shop", "alter subscription cutover disable");
    pair.source.sql("shop", "insert into customers select g, 'x' from generate_series(1001, 5000) g");
    let lag = pair.until("it is behind", |lag| lag.behind > 100_000 && lag.stopped.is_some()).await;
    assert!(lag.stopped.unwrap().contains("disabled"));
    pair.target.sql("shop", "alter subscription cutover enable");
    pair.until("it has caught up", |lag| lag.behind == 0 && lag.stopped.is_none()).await;

    // A conflict: the worker fails again and again.
    pair.target.sql("shop", "insert into customers values (9001, 'in the way')");
    pair.source.sql("shop", "insert into customers values (9001, 'wanted')");
    let lag = pair
        .until("it is stuck", |lag| {
            lag.stopped.as_ref().is_some_and(|why| why.contains("failed") || why.contains("fails"))
        })
        .await;
    assert!(lag.behind > 0, "{lag:?}");
    // Skipped: what was lost does not come back, and that is said although the position is reached.
    let finish = pair.target.log().lines().rev().find_map(|line| {
        let (_, rest) = line.split_once("finished at ")?;
        Some(rest.split(|c: char| !c.is_ascii_hexdigit() && c != '/').next()?.to_owned())
    });
    pair.target.sql(
        "shop",
        &format!("alter subscription cutover skip (lsn = '{}')", finish.expect("the log says where")),
    );
    pair.until("it goes on", |lag| lag.behind == 0).await;
    let gaps = pair.link.gaps(&[]).await.unwrap();
    assert!(gaps.iter().any(|gap| gap.contains("may have been skipped")), "{gaps:?}");

    // What is not carried.
    pair.source.sql("shop", "create table forgotten (id int primary key)");
    let gaps = pair.link.gaps(&[]).await.unwrap();
    assert!(gaps.contains(&"table public.forgotten is not published".to_owned()), "{gaps:?}");
    let gaps = pair.link.gaps(&["public.forgotten".to_owned()]).await.unwrap();
    assert!(!gaps.iter().any(|gap| gap.contains("forgotten")), "{gaps:?}");
    pair.target.sql("shop", "create table forgotten (id int primary key)");
    pair.source.sql("shop", "alter publication cutover add table forgotten");
    let gaps = pair.link.gaps(&[]).await.unwrap();
    assert!(
        gaps.iter().any(|gap| gap.contains("forgotten") && gap.contains("refresh publication")),
        "{gaps:?}"
    );

    // The slot is dropped under it.
    pair.target.sql("shop", "alter subscription cutover disable");
    super::servers::wait("nobody reads", || {
        pair.source.try_sql("shop", "select pg_drop_replication_slot('cutover')").ok()
    });
    let lag = pair.link.lag().await;
    let said = lag.map_or_else(|why| why.to_string(), |lag| lag.stopped.unwrap_or_default());
    assert!(said.contains("gone"), "{said}");
}

#[tokio::test]
async fn a_standby_is_at_zero_when_everything_is_replayed() {
    let source = Postgres::start();
    furnish(&source, true).await;
    let target = Postgres::standby_of(&source);
    let (from, to) = (shop("source", &source), shop("target", &target));
    let ends = Ends::new(Arc::clone(&from), Arc::clone(&to));
    let link = link("postgres_streaming", ends).unwrap();
    assert_eq!(from.identity(None).await.unwrap().system, to.identity(None).await.unwrap().system);
    assert!(!from.identity(None).await.unwrap().same_system(&to.identity(None).await.unwrap()));

    let until = async |what: &str, is: &dyn Fn(&Lag) -> bool| {
        let began = Instant::now();
        loop {
            let lag = link.lag().await.unwrap();
            if is(&lag) {
                return lag;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{what}: {lag:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    until("it follows", &|lag| lag.behind == 0 && lag.stopped.is_none()).await;
    target.sql("shop", "select pg_wal_replay_pause()");
    source.sql("shop", "insert into customers select g, 'x' from generate_series(1, 2000) g");
    let lag = until("it is behind", &|lag| lag.behind > 50_000).await;
    assert!(lag.stopped.unwrap().contains("paused"));
    target.sql("shop", "select pg_wal_replay_resume()");
    until("it has caught up", &|lag| lag.behind == 0).await;
    assert_eq!(to.count("public.customers").await.unwrap(), 2000);

    let sent = from.write_marker("m").await.unwrap();
    let began = Instant::now();
    while to.find_marker("m").await.unwrap() != Some(sent) {
        assert!(began.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    source.sql("shop", "create unlogged table fast (id int)");
    assert_eq!(
        link.gaps(&[]).await.unwrap(),
        ["table public.fast is unlogged: its rows do not reach the standby"]
    );
    assert_eq!(to.writes_since(&to.position().await.unwrap()).await.unwrap().total, 0);

    target.sql("shop", "select pg_promote()");
    let lag = until("it is promoted", &|lag| lag.stopped.is_some()).await;
    assert!(lag.stopped.unwrap().contains("promoted"));
}

#[tokio::test]
async fn sequences_are_moved_on_and_none_is_moved_back() {
    let (source, target) = (Postgres::start(), Postgres::start());
    for server in [&source, &target] {
        furnish(server, true).await;
        server.sql(
            "shop",
            "create sequence up; create sequence \"Odd.name\"; create sequence down increment -5 start -1;
             create sequence unused; create sequence narrow maxvalue 50",
        );
    }
    source.sql(
        "shop",
        "select setval('up', 500); select setval('\"Odd.name\"', 7); select setval('down', -11); select setval('narrow', 49)",
    );
    target.sql("shop", "select setval('up', 900)");
    let (from, to) = (shop("source", &source), shop("target", &target));
    let given = from.sequences().await.unwrap();
    // Behind a fence, too.
    to.fence(&cutover::databases::FenceSpec::default()).await.unwrap();
    assert_eq!(
        to.move_on(&given, 100).await.unwrap(),
        3,
        "`up` stands further already, `unused` gave nothing"
    );
    let own = to.sequences().await.unwrap();
    let last = |name: &str| own.iter().find(|s| s.name == name).unwrap().last;
    assert_eq!(
        [
            last("public.up"),
            last("public.Odd.name"),
            last("public.down"),
            last("public.narrow"),
            last("public.unused")
        ],
        [Some(900), Some(107), Some(-511), Some(50), None]
    );
    assert_eq!(to.move_on(&given, 100).await.unwrap(), 0);
    source.sql("shop", "create sequence extra; select nextval('extra')");
    let why = to.move_on(&from.sequences().await.unwrap(), 0).await.unwrap_err();
    assert!(why.to_string().contains("no sequence public.extra"), "{why}");
}
