//! Ways in which a position says more than is there.

use std::process::{Command, Stdio};
use std::time::Duration;

use cutover::plan::model::{LinkKind, ProbeKind};

use super::gauge::{FAR, a_quiet_link_is_at_zero, lag, said};
use super::servers::postgres::Postgres;
use super::servers::{wait, way};
use super::subscription::{furnish, subscribe, subscribed};
use super::{gauge, gauge_of, standby};

/// The worker that commits what was prepared moves the position on before anybody sees the rows; where it waits for a
/// standby of its own, that moment is as long as one likes.
#[tokio::test]
async fn what_was_prepared_is_not_there_before_it_is_seen() {
    let (source, target) = subscribed("with (two_phase = true, synchronous_commit = on)").await;
    let mut gauge = gauge_of(LinkKind::PostgresLogical, &source, &target);
    gauge.passes("at the beginning").await;
    // A marker would wait behind the worker, and be in the log past it.
    if let ProbeKind::Link(link) = &mut gauge.probe.kind {
        link.marker = false;
    }
    wait("it is enabled", || {
        (target.sql("shop", "select subtwophasestate from pg_subscription") == "e").then_some(())
    });
    source.sql("shop", "begin; insert into numbered values (0, 1, ''); prepare transaction 'both'");
    wait("it is prepared", || {
        (target.sql("shop", "select count(*) from pg_prepared_xacts") == "1").then_some(())
    });
    target.sql("shop", "alter system set synchronous_standby_names = 'nobody'");
    target.sql("shop", "select pg_reload_conf()");
    let before = source.sql("shop", "select pg_current_wal_insert_lsn()");
    source.sql("shop", "commit prepared 'both'");
    wait("the worker waits", || {
        (target.sql("shop", "select count(*) from pg_stat_activity where wait_event = 'SyncRep'") == "1")
            .then_some(())
    });
    // Without its own transaction, and with its position past everything that counts.
    let moved = format!(
        "select bool_and(remote_lsn > '{before}') and not exists (select from pg_stat_subscription
           join pg_stat_activity using (pid) where backend_xid is not null) from pg_replication_origin_status"
    );
    assert_eq!(target.sql("shop", &moved), "t");
    for _ in 0..3 {
        let seen = gauge.look().await;
        let there = target.sql("shop", "select count(*) from numbered");
        assert_eq!(there, "0", "the test is pointless when it is there");
        let zero = seen.as_ref().is_ok_and(|measure| lag(measure).behind == 0);
        assert!(!zero, "a row that nobody sees: {}", said(&seen));
    }
    target.sql("shop", "alter system reset synchronous_standby_names");
    target.sql("shop", "select pg_reload_conf()");
    gauge.passes("when it is seen").await;
    assert_eq!(target.sql("shop", "select count(*) from numbered"), "1");
}

#[tokio::test]
async fn a_table_that_is_being_copied_is_not_passed_over() {
    let (source, target) = subscribed("").await;
    let gauge = gauge_of(LinkKind::PostgresLogical, &source, &target);
    gauge.passes("at the beginning").await;
    for server in [&source, &target] {
        server.sql("shop", "create table late (id int primary key)");
    }
    source.sql("shop", "insert into late values (1); alter publication cutover add table late");
    // Held, so that the copy cannot begin.
    let mut held = Command::new("psql")
        .args(["-XAtq", "-h", "127.0.0.1", "-U", "postgres", "-d", "shop", "-p", &target.port.to_string()])
        .args(["-c", "begin; lock table late in exclusive mode; select pg_sleep(4)"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait("it is held", || {
        (target.sql(
            "shop",
            "select count(*) from pg_locks where mode = 'ExclusiveLock' and relation = 'late'::regclass",
        ) == "1")
            .then_some(())
    });
    target.sql("shop", "alter subscription cutover refresh publication");
    let mut texts = Vec::new();
    for _ in 0..5 {
        let seen = gauge.look().await;
        if target.sql("shop", "select count(*) from pg_stat_activity where query like '%pg_sleep(4)%' and pid <> pg_backend_pid()") == "0" {
            break;
        }
        let zero = seen.as_ref().is_ok_and(|measure| lag(measure).behind == 0);
        assert!(!zero, "a table that is not there: {}", said(&seen));
        texts.push(said(&seen));
    }
    assert!(texts.len() >= 2 && texts[1].contains("public.late is not followed yet"), "{texts:?}");
    held.wait().unwrap();
    gauge.passes("when it is copied").await;
    assert_eq!(target.sql("shop", "select count(*) from late"), "1");
}

#[tokio::test]
async fn a_slot_of_the_same_name_at_another_server_is_no_slot_of_this_one() {
    let (source, target) = subscribed("").await;
    let other = Postgres::start();
    furnish(&other).await;
    let gauge = gauge_of(LinkKind::PostgresLogical, &source, &target);
    gauge.passes("at the beginning").await;
    // Two subscriptions of one slot's name.
    other.sql("shop", "create publication cutover for table numbered");
    subscribe(&other, &target, "another", "with (slot_name = cutover, copy_data = false)");
    let text = said(&gauge.look().await);
    assert!(text.contains("another and cutover both have a slot cutover"), "{text}");
    // The one that is left follows the other server, whose log is longer.
    target.sql("shop", "alter subscription cutover disable");
    target.sql("shop", "alter subscription cutover set (slot_name = none)");
    target.sql("shop", "drop subscription cutover");
    other.sql("shop", "create table long as select repeat('x', 500) from generate_series(1, 40000)");
    other.sql("shop", "insert into numbered values (7, 7, '')");
    wait("it follows the other one", || {
        (target.sql("shop", "select count(*) from numbered") == "1").then_some(())
    });
    source.sql("shop", "insert into numbered values (0, 1, '')");
    let seen = gauge.look().await;
    assert!(said(&seen).contains("it follows another server"), "{}", said(&seen));
}

/// A standby of a standby: when that is promoted, it goes along, and the positions of both logs look alike.
#[tokio::test]
async fn a_standby_that_went_along_with_a_promotion_follows_another_log() {
    let (source, between) = standby().await;
    let target = Postgres::standby_of(&between);
    let gauge = gauge_of(LinkKind::PostgresStreaming, &source, &target);
    gauge.passes("cascaded").await;
    between.sql("shop", "select pg_promote()");
    between.sql("shop", "insert into numbered select 1, n, repeat('x', 200) from generate_series(1, 5000) n");
    wait("it goes along", || (target.sql("shop", "select count(*) from numbered") == "5000").then_some(()));
    source.sql("shop", "insert into numbered values (0, 1, '')");
    for _ in 0..3 {
        let seen = gauge.look().await;
        assert!(seen.is_err(), "a row that does not come: {}", said(&seen));
        assert!(
            said(&seen).contains("it follows timeline 2, and source writes timeline 1"),
            "{}",
            said(&seen)
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The one that was promoted is its source now.
    gauge_of(LinkKind::PostgresStreaming, &between, &target).passes("behind the promoted one").await;
}

/// An account that may not see the position of the origin has what was confirmed, which is certain and comes late.
#[tokio::test]
async fn an_account_that_may_see_little_is_told_what_was_confirmed() {
    let (source, target) = subscribed("").await;
    for server in [&source, &target] {
        server.sql(
            "shop",
            "create role little login; grant pg_monitor to little;
             grant select, insert, update, delete on cutover.marker to little",
        );
    }
    let (from, to) = (source.url("shop", "little"), target.url("shop", "little"));
    target.sql("shop", "alter system set wal_receiver_status_interval = '1s'");
    target.sql("shop", "select pg_reload_conf()");
    let gauge = gauge(LinkKind::PostgresLogical, [&from, &to]);
    let mut seen = gauge.look().await;
    for _ in 0..100 {
        if seen.as_ref().is_ok_and(|measure| lag(measure).behind == 0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        seen = gauge.look().await;
    }
    assert!(seen.is_ok(), "{}", said(&seen));
    // The view alone is not enough for the origin, and is no reason to see nothing.
    target.sql("shop", "grant select on pg_replication_origin_status to little");
    let seen = gauge.look().await;
    assert!(seen.is_ok(), "{}", said(&seen));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quiet_standby_is_at_zero_however_far_away_it_is() {
    let (source, target) = standby().await;
    let port = way::to(source.port, FAR);
    target.sql(
        "shop",
        &format!("alter system set primary_conninfo = 'host=127.0.0.1 port={port} user=postgres'"),
    );
    target.sql("shop", "select pg_reload_conf()");
    wait("it follows from far away", || {
        (target.sql("shop", "select sender_port from pg_stat_wal_receiver") == port.to_string()).then_some(())
    });
    a_quiet_link_is_at_zero(&gauge_of(LinkKind::PostgresStreaming, &source, &target)).await;
}
