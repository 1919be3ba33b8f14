//! Two PostgreSQL servers with a subscription between them, and what can go wrong with it.

use std::time::{Duration, Instant};

use cutover::databases::Settings;
use cutover::databases::postgres::{Postgres as Database, convention};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};

use crate::servers::postgres::Postgres;
use crate::servers::wait;
use crate::servers::way::Way;
use crate::trouble::{Fault, deed};

/// The shop's database, with a table of numbered rows by writer.
pub(crate) async fn furnish(server: &Postgres) {
    server.sql("postgres", "create database shop");
    server.sql("shop", "create table numbered (w int, n bigint, pad text, primary key (w, n))");
    let settings = Settings {
        name: "shop".to_owned(),
        address: server.url("shop", "postgres"),
        root: "/".into(),
        timeout: Duration::from_secs(10),
    };
    convention::install(&Database::new(&settings).unwrap()).await.unwrap();
}

/// Two servers and a subscription between them, its connection as given or straight to the source.
pub(crate) async fn subscribed(more: &str) -> (Postgres, Postgres) {
    let (source, target) = (Postgres::start(), Postgres::with("wal_receiver_timeout = 5s"));
    furnish(&source).await;
    furnish(&target).await;
    source.sql("shop", "create publication cutover for table numbered, cutover.marker");
    subscribe(&source, &target, "cutover", more);
    (source, target)
}

pub(crate) fn subscribe(source: &Postgres, target: &Postgres, name: &str, more: &str) {
    target.sql(
        "shop",
        &format!(
            "create subscription {name} connection 'host=127.0.0.1 port={} user=postgres dbname=shop' publication cutover {more}",
            source.port
        ),
    );
}

pub(crate) struct World {
    pub(crate) source: Postgres,
    pub(crate) target: Postgres,
    pub(crate) way: Way,
    pub(crate) crowd: Vec<Client>,
}

impl World {
    /// Ends the sessions of the gauge, as time would.
    fn forgotten(server: &Postgres) {
        server.sql("shop", "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'gauge'");
    }

    /// What a person does who has compared every row.
    fn compared(&self) {
        let oid = self.target.sql("shop", "select oid from pg_subscription");
        self.target.sql("shop", &format!("select pg_stat_reset_subscription_stats({oid})"));
    }

    /// Everybody connects who can, and stays, until there is no room for the gauge: who was ended leaves it a moment later, and
    /// who looks all the time may be quicker than the crowd.
    async fn crowd(&mut self) {
        let url = self.target.url("shop", "crowd");
        let alone = "select count(*) = 0 from pg_stat_activity where usename = 'gauge'";
        let first = Instant::now();
        loop {
            assert!(first.elapsed() < Duration::from_secs(60), "the gauge comes in again and again");
            World::forgotten(&self.target);
            let (began, before) = (Instant::now(), self.crowd.len());
            while began.elapsed() < Duration::from_millis(200) {
                match tokio_postgres::connect(&url, NoTls).await {
                    Ok((client, line)) => {
                        tokio::spawn(line);
                        self.crowd.push(client);
                    }
                    Err(why) if why.code() == Some(&SqlState::TOO_MANY_CONNECTIONS) => {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    Err(why) => panic!("the crowd: {why}"),
                }
            }
            if self.crowd.len() == before && self.target.sql("shop", alone) == "t" {
                break;
            }
        }
    }

    fn conflict(&self, id: u32) {
        self.target.sql("shop", &format!("insert into numbered values (9, {id}, 'in the way')"));
        self.source.sql("shop", &format!("insert into numbered values (9, {id}, 'wanted')"));
        self.failing();
    }

    fn failing(&self) {
        wait("applying fails", || {
            let count = "select apply_error_count from pg_stat_subscription_stats";
            (self.target.sql("shop", count) != "0").then_some(())
        });
    }
}

pub(crate) const FAULTS: &[Fault<World>] = &[
    Fault {
        name: "the target is killed",
        make: deed!(w, w.target.kill()),
        words: &["not reachable: target", "refused"],
        mend: deed!(w, w.target.up()),
    },
    Fault {
        name: "the source is killed",
        make: deed!(w, w.source.kill()),
        words: &["not reachable: source"],
        mend: deed!(w, {
            w.source.up();
            w.compared();
        }),
    },
    Fault {
        name: "the target is stopped",
        make: deed!(w, w.target.freeze(true)),
        words: &["target: no answer to"],
        mend: deed!(w, {
            w.target.freeze(false);
            w.compared();
        }),
    },
    Fault {
        name: "the source is behind a black hole",
        make: deed!(w, w.way.shut(true)),
        words: &["source: no answer to"],
        mend: deed!(w, w.way.shut(false)),
    },
    Fault {
        name: "the account has no connection left",
        make: deed!(w, {
            w.target.sql("shop", "alter role gauge connection limit 0");
            World::forgotten(&w.target);
        }),
        words: &["target: connecting was refused", "too many connections for role \"gauge\""],
        mend: deed!(w, w.target.sql("shop", "alter role gauge connection limit -1")),
    },
    Fault {
        name: "nobody has a connection left",
        make: deed!(w, w.crowd().await),
        words: &["target: connecting was refused", "remaining connection slots are reserved"],
        mend: deed!(w, w.crowd.clear()),
    },
    Fault {
        name: "the password is another one",
        make: deed!(w, {
            w.target.sql("shop", "alter role gauge password 'another'");
            World::forgotten(&w.target);
        }),
        words: &["target: connecting was refused", "password authentication failed for user \"gauge\""],
        mend: deed!(w, w.target.sql("shop", "alter role gauge password 'secret'")),
    },
    Fault {
        name: "the subscription is disabled",
        make: deed!(w, w.target.sql("shop", "alter subscription cutover disable")),
        words: &["subscription cutover is disabled"],
        mend: deed!(w, w.target.sql("shop", "alter subscription cutover enable")),
    },
    Fault {
        name: "the applier is stuck on a conflict",
        make: deed!(w, w.conflict(1)),
        words: &["behind, the worker of subscription cutover", "its server's log says why"],
        mend: deed!(w, {
            w.target.sql("shop", "delete from numbered where w = 9 and n = 1");
            wait("it is applied", || {
                (w.target.sql("shop", "select pad from numbered where w = 9 and n = 1") == "wanted")
                    .then_some(())
            });
            w.compared();
        }),
    },
    Fault {
        name: "a transaction was skipped",
        make: deed!(w, {
            w.conflict(2);
            let log = w.target.log();
            let (_, finish) = log.rsplit_once("finished at ").expect("the log says where");
            let finish = finish.split(|c: char| !c.is_ascii_hexdigit() && c != '/').next().unwrap();
            w.target.sql("shop", &format!("alter subscription cutover skip (lsn = '{finish}')"));
            w.source.sql("shop", "insert into numbered values (9, 3, 'after it')");
            wait("it goes on", || {
                (w.target.sql("shop", "select count(*) from numbered where w = 9 and n = 3") == "1")
                    .then_some(())
            });
            // A worker that has just started after a failure is told first.
            tokio::time::sleep(Duration::from_secs(16)).await;
        }),
        words: &["applying has failed", "a transaction may have been skipped"],
        mend: deed!(w, w.compared()),
    },
    Fault {
        name: "a table is not published",
        make: deed!(w, w.source.sql("shop", "create table forgotten (id int)")),
        words: &["table public.forgotten is not published"],
        mend: deed!(w, w.source.sql("shop", "drop table forgotten")),
    },
    Fault {
        name: "the slot is dropped",
        make: deed!(w, {
            w.target.sql("shop", "alter subscription cutover disable");
            wait("nobody reads", || {
                w.source.try_sql("shop", "select pg_drop_replication_slot('cutover')").ok()
            });
            w.target.sql("shop", "alter subscription cutover enable");
        }),
        words: &["slot cutover is gone at source"],
        mend: deed!(w, {
            w.target.sql("shop", "alter subscription cutover disable");
            w.target.sql("shop", "alter subscription cutover set (slot_name = none)");
            w.target.sql("shop", "drop subscription cutover; truncate numbered, cutover.marker");
            subscribe(&w.source, &w.target, "cutover", "");
        }),
    },
];

/// An account of its own with the rights that a gauge needs, no superuser: those have connections kept for them.
pub(crate) fn account(server: &Postgres) {
    server.sql(
        "shop",
        "create role gauge login password 'secret'; create role crowd login; grant pg_monitor to gauge;
         grant select on pg_replication_origin_status to gauge;
         grant execute on function pg_show_replication_origin_status() to gauge;
         grant select, insert, update, delete on cutover.marker to gauge",
    );
    let rules = server.dir.path().join("data/pg_hba.conf");
    let others = std::fs::read_to_string(&rules).unwrap();
    std::fs::write(&rules, format!("host all gauge 127.0.0.1/32 scram-sha-256\n{others}")).unwrap();
    server.sql("shop", "select pg_reload_conf()");
}
