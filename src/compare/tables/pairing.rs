//! Which tables are compared, and whether the two sides mean the same by them.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use super::look::Both;
use super::names::Names;
use super::{Equality, Request, SchemaDifference, TableOutcome};
use crate::databases::snapshot::{Selection, Tables};
use crate::databases::value::hex;
use crate::databases::{Column, Error, Table};

/// What is to be compared.
pub(super) struct Paired {
    pub(super) pairs: Vec<Pair>,
    pub(super) left_out: Vec<(String, String)>,
}

/// One table by its name on both sides.
pub(super) struct Pair {
    pub(super) name: String,
    /// What it is called on the sides that have it.
    pub(super) on_source: Option<String>,
    pub(super) on_target: Option<String>,
    /// What is not as it is on the other side and was to be so: columns left out, other names.
    aside: Vec<String>,
    pub(super) schema: Vec<SchemaDifference>,
    /// Why its rows cannot be seen, or not all of them.
    closed: Option<String>,
    /// What to read of it on either side; `None` when its rows cannot be compared.
    pub(super) both: Option<Both>,
    /// Digest of all that is to be the same while what was proved of it holds.
    pub(super) shape: String,
    /// It has a primary key.
    pub(super) keyed: bool,
    /// Its key is one whole number on both sides.
    pub(super) integer_key: bool,
}

impl Pair {
    /// A name of which nothing is known yet.
    fn nothing(name: &str) -> Pair {
        Pair {
            name: name.to_owned(),
            on_source: None,
            on_target: None,
            aside: Vec::new(),
            schema: Vec::new(),
            closed: None,
            both: None,
            shape: String::new(),
            keyed: false,
            integer_key: false,
        }
    }

    /// What is known of it before a row is read.
    pub(super) fn outcome(&self) -> TableOutcome {
        let unlike = "the two sides do not have the same table with the same columns and key";
        let equality = match (&self.both, self.keyed) {
            (None, _) => {
                Equality::NotCompared { why: self.closed.clone().unwrap_or_else(|| unlike.to_owned()) }
            }
            (Some(_), true) => Equality::EveryRow,
            (Some(_), false) => Equality::Multiset,
        };
        TableOutcome {
            aside: self.aside.clone(),
            schema: self.schema.clone(),
            ..TableOutcome::new(&self.name, equality)
        }
    }
}

/// Pairs the tables that are asked for.
///
/// # Errors
/// [`Error::Broken`] for a pattern or a name that matches nothing of either side: it is a slip of the pen, and
/// what it was to name would silently not be compared.
pub(super) fn pair(source: &Tables, target: &Tables, request: &Request) -> Result<Paired, Error> {
    let (on_source, on_target) = (by_name(&source.tables), by_name(&target.tables));
    let (closed_source, closed_target) = (reasons(&source.closed), reasons(&target.closed));
    let called = Names::of(request, source, target)?;
    let here = on_source.keys().chain(closed_source.keys());
    let there = on_target.keys().chain(closed_target.keys()).filter(|name| !called.claims(name));
    let names: BTreeSet<&str> = here.chain(there).copied().collect();
    for pattern in request.include.iter().chain(&request.except) {
        if !names.iter().any(|name| matches(pattern, name)) {
            let why = format!("the pattern {pattern:?} matches no table of either side");
            return Err(Error::broken("the comparison", why, "mend the pattern, or take it out"));
        }
    }

    let any = |patterns: &[String], name: &str| patterns.iter().any(|p| matches(p, name));
    let mut paired = Paired { pairs: Vec::new(), left_out: Vec::new() };
    for name in names {
        if any(&request.except, name) || !(request.include.is_empty() || any(&request.include, name)) {
            paired.left_out.push((name.to_owned(), "not asked for".to_owned()));
        } else {
            let source = Side::of(name, &on_source, &closed_source);
            let target = called.at_target(name);
            let target = target.map_or(Side::Nothing, |name| Side::of(name, &on_target, &closed_target));
            paired.pairs.push(pair_of(name, source, target, &called)?);
        }
    }
    // Whoever names each table asks for no others.
    let asks_for_others =
        request.include.is_empty() || request.include.iter().any(|p| p.contains(['*', '?']));
    for (side, tables) in [("source", source), ("target", target)] {
        if let Some(why) = tables.unseen.as_deref().filter(|_| asks_for_others) {
            let mut pair = Pair::nothing(&format!("(unseen at the {side})"));
            pair.closed = Some(format!("at the {side} {why}"));
            paired.pairs.push(pair);
        }
    }
    let mut others = reasons(&target.left_out);
    others.extend(reasons(&source.left_out));
    paired.left_out.extend(others.into_iter().map(|(name, why)| (name.to_owned(), why.to_owned())));
    Ok(paired)
}

/// Tables by their names.
pub(super) fn by_name(tables: &[Table]) -> BTreeMap<&str, &Table> {
    tables.iter().map(|t| (t.name.as_str(), t)).collect()
}

fn reasons(of: &[(String, String)]) -> BTreeMap<&str, &str> {
    of.iter().map(|(name, why)| (name.as_str(), why.as_str())).collect()
}

/// What one side has by a name.
#[derive(Clone, Copy)]
enum Side<'a> {
    Nothing,
    Table(&'a Table),
    /// A table whose rows cannot be seen, or not all of them.
    Closed(&'a str),
}

impl<'a> Side<'a> {
    /// The table's name, where there is one.
    fn called(self) -> Option<String> {
        match self {
            Side::Table(table) => Some(table.name.clone()),
            Side::Nothing | Side::Closed(_) => None,
        }
    }

    fn of(name: &str, tables: &BTreeMap<&str, &'a Table>, closed: &BTreeMap<&str, &'a str>) -> Side<'a> {
        match (tables.get(name), closed.get(name)) {
            (_, Some(why)) => Side::Closed(why),
            (Some(table), None) => Side::Table(table),
            (None, None) => Side::Nothing,
        }
    }
}

fn pair_of(name: &str, source: Side<'_>, target: Side<'_>, names: &Names<'_>) -> Result<Pair, Error> {
    let mut pair = Pair::nothing(name);
    pair.on_source = source.called();
    pair.on_target = target.called();
    let (source, target) = match (source, target) {
        (Side::Table(source), Side::Table(target)) => (source, target),
        (Side::Nothing, _) => {
            pair.schema.push(SchemaDifference::TableExtra);
            return Ok(pair);
        }
        (_, Side::Nothing) => {
            pair.schema.push(SchemaDifference::TableMissing);
            return Ok(pair);
        }
        (Side::Closed(why), _) => {
            pair.closed = Some(format!("at the source {why}"));
            return Ok(pair);
        }
        (_, Side::Closed(why)) => {
            pair.closed = Some(format!("at the target {why}"));
            return Ok(pair);
        }
    };
    names.keeps_keys(source)?;
    if target.name != source.name {
        pair.aside.push(format!("it is {} at the target", target.name));
    }
    let there = |column: &String| names.column_at_target(name, column).to_owned();
    let (kept, out): (Vec<&Column>, Vec<&Column>) =
        source.columns.iter().partition(|column| !names.leaves_out(name, &column.name));
    pair.aside.extend(out.iter().map(|column| format!("without {}", column.name)));
    let (mut comparable, mut as_text, mut cast) = (true, BTreeSet::new(), BTreeMap::new());
    for column in &kept {
        let called = there(&column.name);
        if called != column.name {
            pair.aside.push(format!("{} is {called} at the target", column.name));
        }
        let to = names.cast(name, &column.name);
        if let Some(to) = to {
            pair.aside.push(format!("{} as {to}", column.name));
            cast.insert(column.name.clone(), to.to_owned());
        }
        match target.columns.iter().find(|c| c.name == called) {
            None => {
                comparable = false;
                pair.schema.push(SchemaDifference::ColumnMissing(called));
            }
            Some(other) if to.is_none() && plain_type(&other.type_name) != plain_type(&column.type_name) => {
                as_text.insert(column.name.clone());
                pair.schema.push(SchemaDifference::Type {
                    column: column.name.clone(),
                    source: column.type_name.clone(),
                    target: other.type_name.clone(),
                });
            }
            Some(_) => {}
        }
    }
    for column in &target.columns {
        let here = names.column_at_source(name, &column.name);
        let is_out = names.leaves_out(name, here);
        let has_it = source.columns.iter().any(|c| c.name == here && there(&c.name) == column.name);
        if !has_it && is_out {
            pair.aside.push(format!("without {}, which only the target has", column.name));
        } else if !has_it {
            comparable = false;
            pair.schema.push(SchemaDifference::ColumnExtra(column.name.clone()));
        }
    }
    if source.key.iter().map(there).ne(target.key.iter().cloned()) {
        comparable = false;
        pair.schema.push(SchemaDifference::Key { source: source.key.clone(), target: target.key.clone() });
    }
    pair.keyed = !source.key.is_empty();
    pair.integer_key = source.integer_key && target.integer_key;
    let columns: Vec<String> = kept.iter().map(|column| column.name.clone()).collect();
    let key = if pair.keyed { source.key.clone() } else { columns.clone() };
    let both = Both {
        target: Selection {
            table: target.name.clone(),
            columns: columns.iter().map(there).collect(),
            key: key.iter().map(there).collect(),
            as_text: as_text.iter().map(there).collect(),
            cast: cast.iter().map(|(column, to)| (there(column), to.clone())).collect(),
        },
        source: Selection { table: source.name.clone(), columns, key, as_text, cast },
        keyed: pair.keyed,
    };
    pair.shape = shape(source, target, &both);
    pair.both = comparable.then_some(both);
    Ok(pair)
}

/// Digest of what both tables are, and of what of them is compared.
fn shape(source: &Table, target: &Table, both: &Both) -> String {
    let mut digest = Sha256::new();
    for (table, selection) in [(source, &both.source), (target, &both.target)] {
        for column in &table.columns {
            digest.update(format!("{:?} {:?}\n", column.name, column.type_name));
        }
        digest.update(format!("{:?} {}\n{selection:?}\n\n", table.key, table.made));
    }
    hex(&digest.finalize())
}

/// A declared type without what never means anything: case and spaces.
fn plain_type(declared: &str) -> String {
    declared.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

/// Whether a name matches a pattern in which `*` stands for anything and `?` for one character.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    // reached[j]: the pattern so far matches the first j characters of the name.
    let mut reached = vec![false; name.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    for p in pattern {
        let mut next = vec![false; name.len() + 1];
        let mut before = false;
        for (j, slot) in next.iter_mut().enumerate() {
            let here = reached.get(j).copied().unwrap_or(false);
            let one_less = j.checked_sub(1);
            let stepped = one_less.and_then(|i| reached.get(i)).copied().unwrap_or(false);
            *slot = match p {
                '*' => here || before,
                '?' => stepped,
                _ => stepped && one_less.and_then(|i| name.get(i)) == Some(&p),
            };
            before = *slot;
        }
        reached = next;
    }
    reached.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("*", "orders", true),
            ("orders", "orders", true),
            ("orders", "orders2", false),
            ("orders", "order", false),
            ("order?", "orders", true),
            ("order?", "order", false),
            ("*_log", "a_log_log", true),
            ("*_log", "a_log_", false),
            ("a*b*c", "axxbyybzzc", true),
            ("a*b*c", "axxbyybzz", false),
            ("public.*", "public.orders", true),
            ("public.*", "private.orders", false),
            ("é?", "éß", true),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern:?} on {name:?}");
        }
    }
}
