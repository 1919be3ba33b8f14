//! What can be wrong with a subscription.

use std::time::Duration;

use cutover::plan::model::LinkKind;

use super::gauge;
use super::gauge::faults::each_is_named;
use super::servers::way::Way;
use super::subscription::{FAULTS, World, account, subscribed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_named_by_the_second_look_and_is_good_again_when_it_is_mended() {
    let (source, target) = subscribed("").await;
    account(&source);
    account(&target);
    let way = Way::to(source.port, Duration::ZERO);
    let address = |port: u16| format!("postgres://gauge:secret@127.0.0.1:{port}/shop");
    let gauge = gauge(LinkKind::PostgresLogical, [&address(way.port), &address(target.port)]);
    each_is_named(&gauge, &mut World { source, target, way, crowd: Vec::new() }, FAULTS).await;
}
