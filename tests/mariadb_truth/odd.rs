//! Ways in which a position says more than is there.

use cutover::plan::model::ProbeKind;

use super::gauge::{FAR, Gauge, a_quiet_link_is_at_zero, lag, said};
use super::mariadb::{ADMIN, MariaDb};
use super::servers::way;
use super::{By, POSITION, again_from, following, gauge};

/// Without a marker, which would be in the log behind what counts.
fn gauge_of(source: &MariaDb, target: &MariaDb) -> Gauge {
    let mut gauge = gauge([&source.url(ADMIN, "shop"), &target.url(ADMIN, "shop")]);
    if let ProbeKind::Link(link) = &mut gauge.probe.kind {
        link.marker = false;
    }
    gauge
}

async fn never_zero(gauge: &Gauge) {
    for _ in 0..3 {
        let seen = gauge.look().await;
        let zero = seen.as_ref().is_ok_and(|measure| lag(measure).behind == 0);
        assert!(!zero, "a row that is not there: {}", said(&seen));
    }
}

/// Who follows by file and offset has a position by GTIDs all the same: until something is applied, that of an earlier life.
#[tokio::test]
async fn the_gtids_of_an_earlier_life_are_no_zero_where_a_file_and_an_offset_count() {
    let (source, target) = following(By::Place, &[]);
    let gauge = gauge_of(&source, &target);
    gauge.passes("at the beginning").await;
    target.run("stop slave");
    source.run("insert into shop.numbered values (0, 1, '')");
    let position = source.run(POSITION);
    target.run(&format!("set global gtid_slave_pos = '{position}'; start slave io_thread"));
    never_zero(&gauge).await;
    target.run("start slave");
    gauge.passes("when it is applied").await;
    assert_eq!(target.run("select count(*) from shop.numbered"), "1");
}

/// Both threads go on as if nothing were: who sends the log still has a file open that is no more.
#[tokio::test]
async fn an_empty_log_of_a_source_that_was_reset_is_no_zero() {
    let (source, target) = following(By::Gtid, &[]);
    let gauge = gauge_of(&source, &target);
    gauge.passes("at the beginning").await;
    target.run("stop slave sql_thread");
    source.run("insert into shop.numbered values (0, 1, '')");
    source.run("reset master");
    assert_eq!(target.run("select count(*) from shop.numbered"), "0");
    never_zero(&gauge).await;
    target.run("start slave sql_thread");
}

/// What is skipped stands in no log of the target's, and its position is past it.
#[tokio::test]
async fn a_transaction_that_was_skipped_is_no_zero() {
    for by in [By::Gtid, By::Place] {
        let (source, target) = following(by, &[]);
        let gauge = gauge_of(&source, &target);
        gauge.passes("at the beginning").await;
        skips(&source, &target, [1, 2]);
        assert_eq!(target.run("select group_concat(n) from shop.numbered"), "2");
        never_zero(&gauge).await;
        let seen = gauge.look().await;
        assert!(said(&seen).contains("is not in the target's log: skipped"), "{by:?}: {}", said(&seen));
    }
}

/// Rows of these numbers are wanted. The target skips the first, and applies the second.
fn skips(source: &MariaDb, target: &MariaDb, [first, second]: [u32; 2]) {
    target.run("stop slave");
    source.run(&format!("insert into shop.numbered values (0, {first}, '')"));
    target.run("set global sql_slave_skip_counter = 1; start slave");
    source.run(&format!("insert into shop.numbered values (0, {second}, '')"));
    arrives(target, second);
}

fn arrives(target: &MariaDb, number: u32) {
    let count = format!("select count(*) from shop.numbered where n = {number}");
    super::wait("it has come", || (target.run(&count) == "1").then_some(()));
}

/// What is applied again stands in the target's log behind what came after it, so that its numbers go back; and by the next look
/// they may be past where they were.
#[tokio::test]
async fn what_was_skipped_is_missing_until_it_and_nothing_else_is_applied() {
    let (source, target) = following(By::Gtid, &[]);
    let gauge = gauge_of(&source, &target);
    gauge.passes("at the beginning").await;
    let first = source.run(POSITION);
    skips(&source, &target, [1, 2]);
    never_zero(&gauge).await;
    let second = source.run(POSITION);
    skips(&source, &target, [3, 4]);
    let seen = gauge.look().await;
    assert_eq!(lag(seen.as_ref().unwrap()).behind, 2, "{}", said(&seen));

    again_from(&second, &source, &target);
    assert_eq!(target.run("select group_concat(n order by n) from shop.numbered"), "2,3,4");
    never_zero(&gauge).await;

    again_from(&first, &source, &target);
    source.run("insert into shop.numbered values (0, 5, '')");
    arrives(&target, 5);
    gauge.passes("all of it was applied").await;

    skips(&source, &target, [6, 7]);
    never_zero(&gauge).await;
    let rows = "set sql_log_bin = 0; insert into shop.numbered values (0, 6, '')";
    target.run(&format!("stop slave; {rows}; reset slave; reset master"));
    target.run(&format!("set global gtid_slave_pos = '{}'; start slave", source.run(POSITION)));
    gauge.passes("the copy was made anew, and its log with it").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quiet_link_is_at_zero_however_far_it_goes() {
    let (source, target) = following(By::Gtid, &[]);
    let port = way::to(source.port, FAR);
    target.run(&format!("stop slave; change master to master_port = {port}; start slave"));
    let ends = [&source.url(ADMIN, "shop"), &target.url(ADMIN, "shop")];
    a_quiet_link_is_at_zero(&gauge(ends.map(String::as_str))).await;
}

/// What a server has written itself comes back to it in a ring, and it applies that not again.
#[tokio::test]
async fn what_comes_back_in_a_ring_was_not_skipped() {
    let (source, target) = following(By::Gtid, &[]);
    let back = gauge_of(&target, &source);
    source.follow(&target);
    back.passes("at the beginning").await;
    source.run("stop slave");
    source.run("insert into shop.numbered values (0, 1, '')");
    super::wait("it has come", || (target.run("select count(*) from shop.numbered") == "1").then_some(()));
    target.run("insert into shop.numbered values (0, 2, '')");
    source.run("start slave");
    super::wait("it has come back", || {
        (source.run("select count(*) from shop.numbered") == "2").then_some(())
    });
    for _ in 0..3 {
        let seen = back.look().await;
        assert!(seen.as_ref().is_ok_and(|measure| measure.pass), "{}", said(&seen));
    }
}
