//! Every object that people make, by what defines it: tables, views, routines, triggers, events.
//!
//! Source: `information_schema` and `show create`. What counts on (`auto_increment`) is no definition.

use super::connection::Problem;
use super::look::{scope, shown};
use super::session::{Named, Session};
use super::sql::quoted;
use crate::databases::Schema;

/// Everything of one database, or of all but the server's and ours.
///
/// # Errors
/// The account may not see a definition: then a change of it would go unseen.
pub(super) async fn read(session: &mut Session, database: Option<&str>) -> Result<Schema, Problem> {
    let mut schema = Schema::default();
    databases(session, database, &mut schema).await?;
    tables(session, database, &mut schema).await?;
    for (kind, sql) in [
        (
            "view",
            format!(
                "select table_schema as d, table_name as n, view_definition as body,
                   concat_ws('|', definer, security_type, check_option, character_set_client, collation_connection) as more
                 from information_schema.views where {}",
                scope("table_schema", database)
            ),
        ),
        (
            "trigger",
            format!(
                "select trigger_schema as d, trigger_name as n, action_statement as body,
                   concat_ws('|', definer, event_object_table, action_timing, event_manipulation, action_order, sql_mode) as more
                 from information_schema.triggers where {}",
                scope("trigger_schema", database)
            ),
        ),
        (
            "event",
            format!(
                "select event_schema as d, event_name as n, event_definition as body,
                   concat_ws('|', definer, status, event_type, execute_at, interval_value, interval_field, starts, ends,
                     on_completion, time_zone, sql_mode) as more
                 from information_schema.events where {}",
                scope("event_schema", database)
            ),
        ),
        (
            "routine",
            format!(
                "select routine_schema as d, concat(lower(routine_type), ' ', routine_name) as n, routine_definition as body,
                   concat_ws('|', r.definer, r.security_type, r.sql_mode, r.is_deterministic, r.sql_data_access, r.dtd_identifier,
                     (select group_concat(concat_ws(' ', p.parameter_mode, p.parameter_name, p.dtd_identifier)
                        order by p.ordinal_position) from information_schema.parameters p
                      where p.specific_schema = r.routine_schema and p.specific_name = r.specific_name
                        and p.routine_type = r.routine_type)) as more
                 from information_schema.routines r where {}",
                scope("routine_schema", database)
            ),
        ),
    ] {
        for row in session.rows(&sql).await? {
            define(&mut schema, kind, &row, database)?;
        }
    }
    Ok(schema)
}

fn define(schema: &mut Schema, kind: &str, row: &Named, database: Option<&str>) -> Result<(), Problem> {
    let (of, name) = (row.text("d"), row.text("n"));
    let Some(body) = row.get("body").filter(|body| !body.is_empty()) else {
        return Err(Problem::broken(
            format!("our account may not see what defines the {kind} {of}.{name}"),
            "grant it SHOW VIEW, TRIGGER, EVENT, and SELECT on mysql.* (SHOW CREATE ROUTINE where there is one)",
        ));
    };
    let (kind, name) = match name.split_once(' ') {
        Some((word, name)) if kind == "routine" => (word.to_owned(), name.to_owned()),
        _ => (kind.to_owned(), name),
    };
    schema.define(kind, shown(&of, &name, database), &format!("{}\n{body}", row.text("more")));
    Ok(())
}

async fn databases(
    session: &mut Session,
    database: Option<&str>,
    schema: &mut Schema,
) -> Result<(), Problem> {
    let sql = format!(
        "select schema_name as n, concat_ws(' ', default_character_set_name, default_collation_name) as body
         from information_schema.schemata where {}",
        scope("schema_name", database)
    );
    for row in session.rows(&sql).await? {
        schema.define("database".to_owned(), row.text("n"), &row.text("body"));
    }
    Ok(())
}

async fn tables(session: &mut Session, database: Option<&str>, schema: &mut Schema) -> Result<(), Problem> {
    let sql = format!(
        "select table_schema as d, table_name as t, table_type as ty from information_schema.tables
         where table_type in ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE') and {}",
        scope("table_schema", database)
    );
    for row in session.rows(&sql).await? {
        let (of, name) = (row.text("d"), row.text("t"));
        let create = format!("show create table {}.{}", quoted(&of), quoted(&name));
        let text = match session.row(&create).await {
            // It went away between the list and the look.
            Err(why) if why.number() == Some(1146) => continue,
            other => other?.text("create table"),
        };
        let kind = if row.text("ty") == "SEQUENCE" { "sequence" } else { "table" };
        schema.define(kind.to_owned(), shown(&of, &name, database), &without_counter(&text));
    }
    Ok(())
}

/// A table's definition without the number that its next row gets.
fn without_counter(create: &str) -> String {
    let Some((head, tail)) = create.rsplit_once(" AUTO_INCREMENT=") else { return create.to_owned() };
    format!("{head}{}", tail.trim_start_matches(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_is_left_out_and_nothing_else() {
        let table = "CREATE TABLE `t` (\n  `a` int NOT NULL AUTO_INCREMENT\n) ENGINE=InnoDB AUTO_INCREMENT=17 DEFAULT CHARSET=utf8mb4";
        assert_eq!(
            without_counter(table),
            "CREATE TABLE `t` (\n  `a` int NOT NULL AUTO_INCREMENT\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
        );
        assert_eq!(without_counter("CREATE TABLE `t` (`a` int)"), "CREATE TABLE `t` (`a` int)");
    }
}
