//! Character sets and collations: of the server, of databases, of columns.
//!
//! What is set for a column decides how it sorts and which texts are equal to a unique key; what is set above it, for what is made
//! later and for sessions that name none.
//!
//! Source: MySQL's "Character Sets, Collations, Unicode", MariaDB's "Setting Character Sets and Collations".

use super::{Pair, Right, by_name};
use crate::databases::{Error, Found};

/// `utf8` is `utf8mb3` in later versions.
fn plain(collation: &str) -> String {
    collation.strip_prefix("utf8mb3").map_or_else(|| collation.to_owned(), |rest| format!("utf8{rest}"))
}

pub(super) async fn look(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    pair.need("every table", &[Right::Data("SELECT")]).await?;
    let (source, target) = pair.names();
    let mut found = Vec::new();
    let names = ["character_set_server", "collation_server"];
    let (here, there) = tokio::try_join!(pair.from.settings(&names), pair.to.settings(&names))?;
    for name in names {
        let (Some(own), Some(other)) = (here.get(name), there.get(name)) else { continue };
        if plain(own) != plain(other) {
            found.push(Found::new(
                format!("setting {name}"),
                format!(
                    "is {own} at {source} and {other} at {target}: sessions and new databases begin otherwise"
                ),
                format!("set global {name} = '{own}' there, in its configuration too"),
            ));
        }
    }
    let (here, there) = pair
        .both::<3>(|side| {
            format!(
                "select schema_name, default_character_set_name, default_collation_name
                 from information_schema.schemata where {} order by 1",
                side.scope("schema_name")
            )
        })
        .await?;
    let there = by_name(there);
    for [name, set, own] in here {
        let Some([_, _, other]) = there.get(&name) else { continue };
        if plain(&own) != plain(other) {
            found.push(Found::new(
                format!("database {name}"),
                format!("sorts by {own} at {source} and by {other} at {target}: new tables will"),
                format!("alter database {} character set {set} collate {own} there", super::name(&name)),
            ));
        }
    }
    let (here, there) = pair
        .both::<4>(|side| {
            let table = side.shown("table_schema", "table_name");
            format!(
                "select concat({table}, '.', column_name), {table}, character_set_name, collation_name
                 from information_schema.columns where collation_name is not null and {} order by 1",
                side.scope("table_schema")
            )
        })
        .await?;
    let there = by_name(there);
    for [column, table, set, own] in here.into_iter().filter(|[_, table, ..]| pair.travels(table)) {
        let Some([.., other]) = there.get(&column) else { continue };
        if plain(&own) != plain(other) {
            found.push(Found::new(
                format!("column {column}"),
                format!("sorts by {own} at {source} and by {other} at {target}: other texts are equal there"),
                format!(
                    "alter table {} convert to character set {set} collate {own}, or modify the column, there",
                    pair.to.in_sql(&table)
                ),
            ));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_names_of_one_set_are_one() {
        assert_eq!(plain("utf8mb3_general_ci"), plain("utf8_general_ci"));
        assert_ne!(plain("utf8mb4_general_ci"), plain("utf8_general_ci"));
    }
}
