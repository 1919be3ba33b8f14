//! Events: the server's own jobs, which have to run on one side and on no other.
//!
//! A replica has an event as disabled on its side, and nobody enables it when users are moved: that is a step of the plan.
//!
//! Source: MariaDB's and MySQL's "Events", `information_schema.events` (`EVENT` is needed to see those of others).

use super::{Pair, Right, by_name};
use crate::databases::{Error, Found};

pub(super) async fn look(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    pair.need("every event", &[Right::Data("EVENT")]).await?;
    let (here, there) = pair
        .both::<4>(|side| {
            format!(
                "select {}, status, event_definition,
                   concat_ws(' ', event_type, execute_at, interval_value, interval_field, time_zone)
                 from information_schema.events where {} order by 1",
                side.shown("event_schema", "event_name"),
                side.scope("event_schema")
            )
        })
        .await?;
    let (source, target) = pair.names();
    let mut found = Vec::new();
    let elsewhere = |status: &str| status.ends_with("SIDE_DISABLED");
    for [name, status, ..] in &there {
        if status == "ENABLED" {
            found.push(Found::new(
                format!("event {name} at {target}"),
                "is enabled: it runs there while the source still runs its own",
                format!(
                    "alter event {} disable on slave there, and enable it once users are moved",
                    pair.to.in_sql(name)
                ),
            ));
        }
    }
    let (runs, arrived) = (here.iter().any(|[_, status, ..]| status == "ENABLED"), by_name(there));
    for [name, status, definition, when] in &here {
        let event = pair.from.in_sql(name);
        if elsewhere(status) {
            found.push(Found::new(
                format!("event {name} at {source}"),
                "is disabled as a replica's: it has not run since the source took over",
                format!("alter event {event} enable there, or drop it"),
            ));
        }
        match arrived.get(name) {
            None => found.push(Found::new(
                format!("event {name}"),
                format!("does not exist at {target}: its job is done by nobody after the switch"),
                format!("make it there as show create event {event} has it, disabled on slave"),
            )),
            Some([_, _, other, other_when]) if other != definition || other_when != when => {
                found.push(Found::new(
                    format!("event {name}"),
                    format!("is another at {target}: its job is done otherwise there"),
                    format!("make it there as show create event {event} has it, disabled on slave"),
                ));
            }
            Some(_) => {}
        }
    }
    let names = ["event_scheduler"];
    let (own, other) = tokio::try_join!(pair.from.settings(&names), pair.to.settings(&names))?;
    let [runs_at_source, scheduler] =
        [own, other].map(|mut all| all.remove("event_scheduler").unwrap_or_default());
    if runs && runs_at_source == "ON" && scheduler != "ON" {
        found.push(Found::new(
            format!("event_scheduler at {target}"),
            format!("is {scheduler}: no event of the source's will run there"),
            if scheduler == "DISABLED" {
                "set event_scheduler = on in its configuration, and restart"
            } else {
                "set global event_scheduler = on there, in its configuration too"
            },
        ));
    }
    Ok(found)
}
