//! One value from a database, asked for in a way that can change nothing.

use super::endpoint::{Lane, unmeasured};
use super::expect::{self, Answer};
use super::look::{Look, failed};
use super::words::{counted, line};
use crate::databases::Rows;
use crate::engine::reading::{Measure, Unmeasured};
use crate::plan::EndpointId;
use crate::plan::model::Expect;

/// Runs the query and looks at its one value.
pub(super) async fn look(
    look: &mut Look<'_>,
    endpoint: &EndpointId,
    query: &str,
    expect: &Expect,
) -> Result<Measure, Unmeasured> {
    look.ask(format!("{endpoint}: {query}"));
    let database = look.database(endpoint)?;
    let _turn = look.turn(Lane::Queries, endpoint).await;
    let rows = database.query(query).await.map_err(unmeasured)?;
    look.keep(&table(&rows));
    if !expect::asks_for_body(expect) {
        let more = if rows.more { "more than " } else { "" };
        let text = format!("answers, {more}{}", counted(rows.rows.len() as u64, "row"));
        return Ok(super::look::pass(text));
    }
    let Some(value) = rows.single() else {
        return failed(format!("the query gave {}, one value is asked for", shape(&rows)));
    };
    let Some(text) = value.plain() else {
        return failed("the query gave NULL, a value is asked for");
    };
    expect::judge(expect, &Answer { body: Ok(&text), lead: String::new() })
}

fn shape(rows: &Rows) -> String {
    match rows.rows.len() {
        0 => "no row".to_owned(),
        n => format!("{} of {}", counted(n as u64, "row"), counted(rows.columns.len() as u64, "column")),
    }
}

/// For the screen: the first rows, a line each.
pub(super) fn table(rows: &Rows) -> String {
    let mut out = rows.columns.join(" | ");
    for row in rows.rows.iter().take(100) {
        out.push('\n');
        let values: Vec<String> =
            row.iter().map(|v| v.plain().map_or_else(|| "NULL".to_owned(), |t| line(&t, 80))).collect();
        out.push_str(&values.join(" | "));
    }
    out
}
