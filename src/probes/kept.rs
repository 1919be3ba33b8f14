//! What is kept of a comparison of tables for the screen alone: the differing rows with their values, both sides beside each
//! other. Nothing of it is recorded.
//!
//! Owns the form of that text, and finds in it what is said of one table and of one row.

use super::course::differs;
use super::tables::of_row;
use super::words::{count, line};
use crate::compare::tables::{Difference, DifferenceKind, TableOutcome, Verdict};
use crate::databases::Value;

/// Values up to so many characters stand beside each other.
const BESIDE: usize = 26;
/// A value is cut after so many characters.
const VALUE: usize = 120;
/// So much of what two long values begin with alike is shown.
const ALIKE: usize = 12;
/// A column's name is cut after so many characters.
const NAME: usize = 20;
/// So many columns of a row that one side lacks are shown.
const COLUMNS: usize = 24;

/// A table, and under it its rows that differ.
pub(super) fn table(table: &TableOutcome) -> String {
    let rows = |n: Option<u64>| n.map_or_else(|| "?".to_owned(), count);
    let verdict = match table.verdict() {
        Verdict::Same => "the same".to_owned(),
        Verdict::Different => differs(table),
        Verdict::NotProved { why } => format!("not proved: {why}"),
    };
    let moved = table.verdict() == Verdict::Same && table.rows_source != table.rows_target;
    let then = if moved { " when they were counted, the others on their way" } else { "" };
    let since = table.again.map_or_else(String::new, |again| {
        format!(", read whole before, {} looked at again since", count(again.rows))
    });
    let head = format!(
        "{}: {verdict}; {} and {} rows{then}{since}; {}",
        table.name,
        rows(table.rows_source),
        rows(table.rows_target),
        table.proves()
    );
    let mut lines = vec![line(&head, usize::MAX)];
    for difference in &table.differences {
        let seen = of_row(&table.name, difference);
        lines.push(format!("  {} {}", seen.key, seen.kind));
        lines.extend(row(difference));
    }
    lines.join("\n")
}

/// A value as a person reads it; bytes that are no text as they are shown by the database.
pub(super) fn plain(value: &Value) -> String {
    value.plain().map_or_else(|| "NULL".to_owned(), std::borrow::Cow::into_owned)
}

/// The values of a row that differs.
fn row(difference: &Difference) -> Vec<String> {
    match (&difference.kind, &difference.source, &difference.target) {
        (DifferenceKind::Changed { columns }, Some(source), Some(target)) => both(columns, source, target),
        (_, Some(source), None) => alone("at the source alone", source),
        (_, None, Some(target)) => alone("at the target alone", target),
        (_, Some(source), Some(target)) => {
            [alone("at the source", source), alone("at the target", target)].concat()
        }
        (_, None, None) => Vec::new(),
    }
}

/// What differs, side by side.
fn both(columns: &[String], source: &[(String, Value)], target: &[(String, Value)]) -> Vec<String> {
    let value = |side: &[(String, Value)], column: &String| {
        side.iter().find(|(name, _)| name == column).map_or_else(|| "-".to_owned(), |(_, value)| plain(value))
    };
    let pairs: Vec<(String, String, String)> = columns
        .iter()
        .map(|column| (line(column, NAME), value(source, column), value(target, column)))
        .collect();
    let width = |text: &String| text.chars().count();
    let beside = |(_, a, b): &(String, String, String)| {
        width(a).max(width(b)) <= BESIDE && line(a, VALUE) == *a && line(b, VALUE) == *b
    };
    let name = pairs.iter().map(|(name, ..)| width(name)).max().unwrap_or(0).max(6);
    let first = pairs.iter().filter(|pair| beside(pair)).map(|(_, a, _)| width(a)).max().unwrap_or(0).max(6);
    let mut lines = Vec::new();
    if pairs.iter().any(beside) {
        lines.push(format!("    {:name$}  {:first$}  target", "column", "source"));
    }
    for pair in &pairs {
        let (column, a, b) = pair;
        if beside(pair) {
            lines.push(format!("    {column:name$}  {a:first$}  {b}"));
        } else {
            let (a, b) = apart(a, b);
            lines.push(format!("    {column}"));
            lines.push(format!("      source  {a}"));
            lines.push(format!("      target  {b}"));
        }
    }
    let same = source.len().saturating_sub(columns.len());
    if same > 0 {
        lines.push(format!("    {} the same", super::words::counted(same as u64, "column")));
    }
    lines
}

/// Two long values from shortly before where they part, in one line each.
fn apart(a: &str, b: &str) -> (String, String) {
    let alike = a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count();
    let skipped = alike.saturating_sub(ALIKE);
    let from = |text: &str| {
        let rest: String = text.chars().skip(skipped).collect();
        let before =
            if skipped > 0 { format!("… after {} alike: ", count(skipped as u64)) } else { String::new() };
        format!("{before}{}", line(&rest, VALUE))
    };
    (from(a), from(b))
}

/// A row that one side has.
fn alone(side: &str, row: &[(String, Value)]) -> Vec<String> {
    let names: Vec<String> = row.iter().take(COLUMNS).map(|(name, _)| line(name, NAME)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let mut lines = vec![format!("    {side}")];
    let values = row.iter().zip(&names);
    lines.extend(
        values.map(|((_, value), name)| format!("    {name:width$}  {}", line(&plain(value), VALUE))),
    );
    let more = row.len().saturating_sub(COLUMNS);
    if more > 0 {
        lines.push(format!("    and {} more", super::words::counted(more as u64, "column")));
    }
    lines
}

/// What a kept answer says of one table: its line, and the lines of its rows.
pub fn of_table<'a>(answer: &'a str, table: &str) -> Vec<&'a str> {
    let head = line(&format!("{table}: "), usize::MAX);
    let mut lines = answer.lines().skip_while(|line| !line.starts_with(&head));
    let first = lines.next();
    first.into_iter().chain(lines.take_while(|line| line.starts_with(' '))).collect()
}

/// What a kept answer says of the values of one row: the how manieth of those of a table with this key and kind.
pub fn of_difference<'a>(answer: &'a str, table: &str, key: &str, kind: &str, nth: usize) -> Vec<&'a str> {
    let head = format!("  {key} {kind}");
    let mut lines = of_table(answer, table).into_iter();
    for _ in 0..=nth {
        if !lines.by_ref().any(|line| line == head) {
            return Vec::new();
        }
    }
    lines.take_while(|line| line.starts_with("    ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::tables::Equality;

    fn changed(key: i64, columns: &[(&str, &str, &str)]) -> Difference {
        let id = ("id".to_owned(), Value::Integer(key));
        let side = |at: fn(&(&str, &str, &str)) -> String| {
            let rest = columns.iter().map(|column| (column.0.to_owned(), Value::text(&at(column))));
            Some(std::iter::once(id.clone()).chain(rest).collect::<Vec<_>>())
        };
        Difference {
            kind: DifferenceKind::Changed { columns: columns.iter().map(|c| c.0.to_owned()).collect() },
            key: vec![id.clone()],
            source: side(|c| c.1.to_owned()),
            target: side(|c| c.2.to_owned()),
        }
    }

    fn outcome(name: &str, differences: Vec<Difference>) -> TableOutcome {
        TableOutcome {
            rows_source: Some(2),
            rows_target: Some(2),
            changed: differences.len() as u64,
            differences,
            looked_at: true,
            ..TableOutcome::new(name, Equality::EveryRow)
        }
    }

    #[test]
    fn both_values_stand_beside_each_other_and_long_ones_from_where_they_part() {
        let long = "x".repeat(200);
        let (a, b) = (format!("{long}a"), format!("{long}b"));
        let row = changed(7, &[("state", "paid", "refunded"), ("note", &a, &b)]);
        let text = table(&outcome("orders", vec![row]));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "orders: 1 changed; 2 and 2 rows; every row, by its primary key",
                "  7 changed",
                "    column  source  target",
                "    state   paid    refunded",
                "    note",
                "      source  … after 188 alike: xxxxxxxxxxxxa",
                "      target  … after 188 alike: xxxxxxxxxxxxb",
                "    1 column the same",
            ]
        );
    }

    #[test]
    fn one_table_and_one_row_are_found_again_whatever_their_values_pretend() {
        let forged = "1\n  7 changed\norders: the same";
        let rows = vec![changed(7, &[("a", "1", "2")]), changed(7, &[("a", forged, "4")])];
        let all = [
            table(&outcome("order", vec![changed(7, &[("a", "8", "9")])])),
            table(&outcome("orders", rows)),
            table(&outcome("t\nx", Vec::new())),
        ]
        .join("\n");
        assert_eq!(of_difference(&all, "orders", "7", "changed", 0)[1], "    a       1       2");
        let second = of_difference(&all, "orders", "7", "changed", 1);
        assert!(second[1].starts_with("      source  1") && second[2] == "      target  4", "{second:?}");
        assert!(of_difference(&all, "orders", "7", "changed", 2).is_empty());
        assert!(of_difference(&all, "orders", "8", "changed", 0).is_empty());
        assert_eq!(of_table(&all, "order").len(), 5);
        assert_eq!(of_table(&all, "t\nx").len(), 1);
        assert!(of_table(&all, "rders").is_empty());
        let only =
            Difference { kind: DifferenceKind::Missing, target: None, ..changed(9, &[("a", "1", "")]) };
        let text = table(&TableOutcome { changed: 0, missing: 1, ..outcome("t", vec![only]) });
        assert_eq!(
            of_difference(&text, "t", "9", "missing", 0),
            ["    at the source alone", "    id  9", "    a   1"]
        );
    }
}
