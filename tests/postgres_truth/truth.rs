//! A subscription and a standby, while servers fall.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cutover::plan::model::LinkKind;
use tokio_postgres::{Client, NoTls};

use super::gauge::Gauge;
use super::gauge::truth::{Dice, Line, Pair, no_zero_is_false};
use super::servers::postgres::Postgres;
use super::subscription::subscribed;
use super::{gauge_of, standby};

impl Line for Client {
    async fn connect(address: &str) -> Option<Client> {
        let connecting = tokio_postgres::connect(address, NoTls);
        let (client, line) = tokio::time::timeout(Duration::from_secs(2), connecting).await.ok()?.ok()?;
        tokio::spawn(line);
        Some(client)
    }

    async fn alive(&mut self) -> bool {
        !self.is_closed()
    }

    /// The second of the writers does not wait for the disk.
    async fn commit(&mut self, writer: usize, first: i64, last: i64) -> bool {
        let sql = format!(
            "begin; set local synchronous_commit = {};
             insert into numbered select {writer}, n, repeat('x', 100) from generate_series({first}, {last}) n; commit",
            if writer == 0 { "on" } else { "off" }
        );
        self.batch_execute(&sql).await.is_ok()
    }

    async fn has(&mut self, writer: usize, number: i64) -> Option<bool> {
        let sql = format!("select exists (select from numbered where w = {writer} and n = {number})");
        Some(self.query_one(&sql, &[]).await.ok()?.get(0))
    }
}

fn signal(how: &str, pid: &str) {
    if !pid.is_empty() {
        // It may have ended by itself.
        let _ended = Command::new("kill").args([how, pid]).stderr(Stdio::null()).status().unwrap();
    }
}

/// Holds a table for a while.
fn hold(server: &Postgres, seconds: f32) -> Child {
    Command::new("psql")
        .args(["-XAtq", "-h", "127.0.0.1", "-U", "postgres", "-d", "shop", "-p", &server.port.to_string()])
        .args([
            "-c",
            &format!("begin; lock table numbered in exclusive mode; select pg_sleep({seconds}); commit"),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Two servers, and who holds a table of theirs.
struct Two {
    kind: LinkKind,
    source: Postgres,
    target: Postgres,
    held: Vec<Child>,
}

impl Two {
    fn new(kind: LinkKind, (source, target): (Postgres, Postgres)) -> Two {
        Two { kind, source, target, held: Vec::new() }
    }

    fn logical(&self) -> bool {
        self.kind == LinkKind::PostgresLogical
    }
}

impl Pair for Two {
    type Line = Client;

    fn gauge(&self) -> Gauge {
        gauge_of(self.kind, &self.source, &self.target)
    }

    fn addresses(&self) -> [String; 2] {
        [&self.source, &self.target].map(|server| server.url("shop", "postgres"))
    }

    fn disturb(&mut self, dice: &mut Dice) {
        let logical = self.logical();
        // Whom to stop: what applies, and what receives.
        let pids = if logical {
            ["select pid from pg_stat_subscription where relid is null"; 2]
        } else {
            [
                "select pid from pg_stat_activity where backend_type = 'startup'",
                "select pid from pg_stat_wal_receiver",
            ]
        };
        let which = usize::from(dice.below(2) == 1);
        let pause = dice.ms(200, 2_000);
        let Two { source, target, held, .. } = self;
        // A standby is so quick that it has to be held more often to be seen behind.
        match dice.below(if logical { 7 } else { 13 }) {
            0 => drop(source.try_sql("shop", "select pg_terminate_backend(pid) from pg_stat_replication")),
            1 | 7.. => {
                let (off, on) = if logical {
                    ("alter subscription cutover disable", "alter subscription cutover enable")
                } else {
                    ("select pg_wal_replay_pause()", "select pg_wal_replay_resume()")
                };
                target.sql("shop", off);
                std::thread::sleep(pause);
                target.sql("shop", on);
            }
            2 => {
                let pid = target.sql("shop", pids[which]);
                signal("-STOP", &pid);
                std::thread::sleep(pause);
                signal("-CONT", &pid);
            }
            3 => {
                target.kill();
                std::thread::sleep(pause / 4);
                target.up();
            }
            4 => {
                source.kill();
                std::thread::sleep(pause / 4);
                source.up();
            }
            5 if logical => held.push(hold(target, pause.as_secs_f32())),
            5 => held.push(hold(source, pause.as_secs_f32())),
            _ => signal("-TERM", &target.sql("shop", pids[1])),
        }
    }

    fn mend(&mut self) {
        for mut child in self.held.drain(..) {
            child.wait().unwrap();
        }
        if self.logical() {
            let oid = self.target.sql("shop", "select oid from pg_subscription");
            self.target.sql("shop", &format!("select pg_stat_reset_subscription_stats({oid})"));
        }
    }

    fn contents(&self) -> [String; 2] {
        let all = "select count(*), sum(n), md5(string_agg(w || ' ' || n, ',' order by w, n)) from numbered";
        [&self.source, &self.target].map(|server| server.sql("shop", all))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_zero_of_a_subscription_is_false() {
    let two = Two::new(LinkKind::PostgresLogical, subscribed("").await);
    no_zero_is_false("a subscription", two).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_zero_of_a_standby_is_false() {
    let two = Two::new(LinkKind::PostgresStreaming, standby().await);
    no_zero_is_false("a standby", two).await;
}
