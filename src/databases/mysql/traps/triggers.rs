//! Triggers: missing on one side, others, or firing for rows that replication applies.
//!
//! Source: `information_schema.triggers` (TRIGGER); MariaDB's `slave_run_triggers_for_rbr`: rows that were logged by row bring what
//! triggers did at the source with them.

use super::{Pair, Right, by_name};
use crate::databases::{Error, Found};

pub(super) async fn look(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    pair.need("every trigger", &[Right::Data("TRIGGER")]).await?;
    let (here, there) = pair
        .both::<5>(|side| {
            format!(
                "select {}, {}, concat_ws(' ', action_timing, event_manipulation, action_order), action_statement, sql_mode
                 from information_schema.triggers where {} order by 1",
                side.shown("trigger_schema", "trigger_name"),
                side.shown("event_object_schema", "event_object_table"),
                side.scope("trigger_schema")
            )
        })
        .await?;
    let (source, target) = pair.names();
    let mut found = Vec::new();
    let (own, theirs) = (by_name(here), by_name(there));
    for (name, [_, table, when, body, mode]) in own.iter().filter(|(_, [_, table, ..])| pair.travels(table)) {
        let shown = format!("show create trigger {}", pair.from.in_sql(name));
        match theirs.get(name) {
            None => found.push(Found::new(
                format!("trigger {name} on {table}"),
                format!("is at {source} and not at {target}: what it does is not done there"),
                format!("make it at {target} as {shown} has it"),
            )),
            Some([_, other_table, other_when, other_body, other_mode])
                if (table, when, body, mode) != (other_table, other_when, other_body, other_mode) =>
            {
                found.push(Found::new(
                    format!("trigger {name} on {table}"),
                    format!("is another at {target}: rows are treated in another way there"),
                    format!("make it at {target} as {shown} has it"),
                ));
            }
            Some(_) => {}
        }
    }
    for (name, [_, table, ..]) in theirs.iter().filter(|(name, _)| !own.contains_key(*name)) {
        if pair.travels(table) {
            found.push(Found::new(
                format!("trigger {name} on {table}"),
                format!("is at {target} and not at {source}: rows are treated in another way there"),
                format!("drop trigger {} at {target}, or make it at {source}", pair.to.in_sql(name)),
            ));
        }
    }
    let fires = "slave_run_triggers_for_rbr";
    if let Some(mode) = pair.to.settings(&[fires]).await?.get(fires).filter(|mode| *mode != "NO")
        && !theirs.is_empty()
    {
        found.push(Found::new(
            format!("{fires} at {target}"),
            format!(
                "is {mode}: triggers fire for rows that replication applies, and what they did is done twice"
            ),
            format!("set global {fires} = 'NO', in its configuration too"),
        ));
    }
    Ok(found)
}
