//! What is wrong is named by the second look, in its time, and never taken for good; and a look is good again when it
//! is mended.

use std::time::{Duration, Instant};

use super::{Gauge, LIMIT, said};
use crate::trouble::Fault;

/// Makes one fault after the other, and mends it.
pub(crate) async fn each_is_named<W>(gauge: &Gauge, world: &mut W, faults: &[Fault<W>]) {
    gauge.passes("at the beginning").await;
    let mut wrong = Vec::new();
    for Fault { name, make, words, mend } in faults {
        make(world).await;
        let first = gauge.look().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let began = Instant::now();
        let second = gauge.look().await;
        let took = began.elapsed();
        eprintln!("{name}: {} | {} ({} ms)", said(&first), said(&second), took.as_millis());
        if took > LIMIT + Duration::from_millis(500) {
            wrong.push(format!("{name}: the look took {took:?}"));
        }
        if second.as_ref().is_ok_and(|measure| measure.pass) {
            wrong.push(format!("{name}: taken for good: {}", said(&second)));
        }
        if !words.iter().all(|word| said(&second).contains(word)) {
            wrong.push(format!("{name}: {} instead of {words:?}", said(&second)));
        }
        mend(world).await;
        gauge.passes(&format!("mended: {name}")).await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
