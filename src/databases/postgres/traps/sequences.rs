//! Sequences, which no subscription carries.
//!
//! Source: PostgreSQL's documentation, "Logical Replication", "Restrictions"; `pg_sequences`, whose `last_value` is null
//! too where the account may not read it.

use super::{Pair, by_name, in_sql, number};
use crate::databases::{Error, Found, Sequence};

const SEQUENCES: &str = "
select format('%s.%s', schemaname, sequencename), increment_by::text, min_value::text, max_value::text,
  coalesce(last_value::text, ''),
  has_sequence_privilege(format('%I.%I', schemaname, sequencename), 'select, usage')::text
from pg_sequences where schemaname <> 'cutover' and schemaname !~ '^pg_temp' order by 1";

pub(super) async fn look(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let (here, there) = pair.both::<6>(SEQUENCES, &[]).await?;
    for (side, rows) in [(pair.from, &here), (pair.to, &there)] {
        if let Some([name, ..]) = rows.iter().find(|[.., may]| may == "false") {
            return Err(side
                .lacks(
                    &format!("where sequence {name} stands"),
                    &format!("select on sequence {}", in_sql(name)),
                )
                .await?);
        }
    }
    let there = by_name(there);
    let (source, target) = (pair.from.name(), pair.to.name());
    let mut found = Vec::new();
    for [name, step, least, most, last, _] in &here {
        let mut say =
            |harm: String, mend: String| found.push(Found::new(format!("sequence {name}"), harm, mend));
        let Some([_, step_at_target, lowest, highest, last_at_target, _]) = there.get(name) else {
            say(format!("does not exist at {target}"), format!("make it there as it is at {source}"));
            continue;
        };
        if step != step_at_target {
            say(
                format!("counts by {step} at {source} and by {step_at_target} at {target}"),
                format!("alter sequence {} increment by {step} there", in_sql(name)),
            );
            continue;
        }
        let narrower = if number(step) < 0 {
            (number(lowest) > number(least)).then_some(("minvalue", least, lowest))
        } else {
            (number(highest) < number(most)).then_some(("maxvalue", most, highest))
        };
        if let Some((bound, own, theirs)) = narrower {
            say(
                format!("ends at {own} at {source} and at {theirs} at {target}"),
                format!("alter sequence {} {bound} {own} there", in_sql(name)),
            );
            continue;
        }
        let of = |last: &str| Sequence { name: name.clone(), last: last.parse().ok(), step: number(step) };
        if !pair.asked.carried && !of(last_at_target).is_beyond(&of(last)) {
            let stands = if last_at_target.is_empty() { "at its start" } else { last_at_target };
            say(
                format!(
                    "stands at {last} at {source} and {stands} at {target}: new rows there get numbers that are taken"
                ),
                "write a step into the plan: carry = { sequences = { from, to, margin = 1000 } }".to_owned(),
            );
        }
    }
    Ok(found)
}
