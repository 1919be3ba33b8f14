//! Views, procedures and functions, which replication carries as statements only: what was there before it began, or was made
//! with `sql_log_bin = 0`, is missing.
//!
//! Source: `information_schema.views` (SHOW VIEW), `.routines` (SELECT on `mysql.*`; MySQL 8: SELECT on all, or `SHOW_ROUTINE`).
//! The text of a view is the server's own rendering: it is compared between servers of one version only.

use super::{Pair, Right, by_name};
use crate::databases::{Error, Found};

pub(super) async fn look(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let rights = [Right::Data("SELECT"), Right::Data("SHOW VIEW"), Right::System];
    pair.need("every view and routine", &rights).await?;
    let (from, to) = tokio::try_join!(pair.from.hello(), pair.to.hello())?;
    let same_rendering = from.version == to.version && pair.from.db.database() == pair.to.db.database();
    let (here, there) = pair
        .both::<3>(|side| {
            format!(
                "select concat('view ', {}), view_definition, concat_ws(' ', security_type, check_option)
                 from information_schema.views where {}
                 union all
                 select concat(lower(routine_type), ' ', {}), routine_definition,
                   concat_ws(' ', security_type, is_deterministic, sql_data_access, dtd_identifier, sql_mode,
                     (select group_concat(concat_ws(' ', p.parameter_mode, p.parameter_name, p.dtd_identifier)
                        order by p.ordinal_position) from information_schema.parameters p
                      where p.specific_schema = r.routine_schema and p.specific_name = r.specific_name
                        and p.routine_type = r.routine_type))
                 from information_schema.routines r where {} order by 1",
                side.shown("table_schema", "table_name"),
                side.scope("table_schema"),
                side.shown("routine_schema", "routine_name"),
                side.scope("routine_schema")
            )
        })
        .await?;
    for (side, rows) in [(pair.from, &here), (pair.to, &there)] {
        if let Some([object, ..]) = rows.iter().find(|[_, body, _]| body.is_empty()) {
            return Err(side.broken(
                format!("our account may not see what defines the {object}"),
                "grant it SHOW VIEW, and SELECT on mysql.* (MySQL 8: SELECT or SHOW_ROUTINE on *.*)",
            ));
        }
    }
    let there = by_name(there);
    let target = pair.to.name();
    let mut found = Vec::new();
    for [object, body, more] in here {
        let (kind, name) = object.split_once(' ').unwrap_or(("view", &object));
        let mend = format!("make it there as show create {kind} {} has it", pair.from.in_sql(name));
        let is_other = |theirs: &[String; 3]| {
            let [_, other, other_more] = theirs;
            (kind != "view" || same_rendering) && (*other != body || *other_more != more)
        };
        match there.get(&object) {
            None => found.push(Found::new(
                object.clone(),
                format!("does not exist at {target}: what uses it fails there"),
                mend,
            )),
            Some(theirs) if is_other(theirs) => found.push(Found::new(
                object.clone(),
                format!("is another at {target}: what uses it does otherwise there"),
                mend,
            )),
            Some(_) => {}
        }
    }
    Ok(found)
}
