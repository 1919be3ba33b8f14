//! One value from a database, asked for in a way that can change nothing.

use super::endpoint::{Lane, unmeasured};
use super::expect::{self, Answer};
use super::look::{Look, fail, failed, pass};
use super::words::{counted, line};
use crate::databases::{Rows, Value};
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
    if let Some(wanted) = expect.rows {
        let there = rows.rows.len() as u64;
        let more = if rows.more { "more than " } else { "" };
        return Ok(if there == wanted && !rows.more {
            pass(counted(there, "row"))
        } else {
            fail(format!("{more}{}, expected {wanted}", counted(there, "row")))
        });
    }
    if !expect::asks_for_body(expect) {
        let more = if rows.more { "more than " } else { "" };
        let text = format!("answers, {more}{}", counted(rows.rows.len() as u64, "row"));
        return Ok(pass(text));
    }
    let Some(value) = rows.single() else {
        return failed(format!("the query gave {}, one value is asked for", shape(&rows)));
    };
    let Some(text) = value.plain() else {
        return failed("the query gave NULL, a value is asked for");
    };
    expect::judge(expect, &Answer { body: Ok(&text), lead: String::new() })
}

/// Runs the query on two endpoints at once and looks whether both give the same rows.
pub(super) async fn same(
    look: &mut Look<'_>,
    here: &EndpointId,
    there: &EndpointId,
    query: &str,
) -> Result<Measure, Unmeasured> {
    look.ask(format!("{here} and {there}: {query}"));
    let databases = (look.database(here)?, look.database(there)?);
    let _turns = (look.turn(Lane::Queries, here).await, look.turn(Lane::Queries, there).await);
    let (ours, theirs) = tokio::join!(databases.0.query(query), databases.1.query(query));
    let (ours, theirs) = (ours.map_err(unmeasured)?, theirs.map_err(unmeasured)?);
    for (id, rows) in [(here, &ours), (there, &theirs)] {
        look.apart();
        look.keep(&format!("{id}\n{}", table(rows)));
    }
    if ours.more || theirs.more {
        let most = crate::counts::count(Rows::MOST as u64);
        return failed(format!("the query gives more than {most} rows: ask for sums of them"));
    }
    let (n, m) = (ours.rows.len() as u64, theirs.rows.len() as u64);
    let differ = ours
        .rows
        .iter()
        .zip(&theirs.rows)
        .position(|(a, b)| !a.iter().map(Value::plain).eq(b.iter().map(Value::plain)));
    Ok(match differ {
        _ if n != m => fail(format!("{} on {here}, {m} on {there}", counted(n, "row"))),
        Some(0) if n == 1 => fail(format!("{here} and {there} differ")),
        Some(at) => fail(format!("{here} and {there} differ at row {} of {n}", at + 1)),
        None => pass(format!("the same on both, {}", counted(n, "row"))),
    })
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
