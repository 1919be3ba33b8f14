//! What is called otherwise at the target, which columns are left out, and which are cast.
//!
//! Everything goes by the source's names. An entry that fits nothing is a slip of the pen: what it was to say would silently
//! not hold.

use std::collections::{BTreeMap, BTreeSet};

use super::{Request, matches};
use crate::databases::snapshot::Tables;
use crate::databases::{Error, Table};

/// What of a request is about names.
pub(super) struct Names<'a> {
    /// Tables by the source's name, and the target's.
    tables: BTreeMap<&'a str, &'a str>,
    /// Columns by the source's table and name, and the target's name.
    columns: BTreeMap<(&'a str, &'a str), &'a str>,
    /// Target's tables that are one of the source's by another name.
    claimed: BTreeSet<&'a str>,
    without: &'a [String],
    /// Types by the source's table and column.
    casts: BTreeMap<(&'a str, &'a str), &'a str>,
}

impl<'a> Names<'a> {
    /// What a request means by the tables that there are.
    ///
    /// # Errors
    /// [`Error::Broken`] for an entry that fits nothing.
    pub(super) fn of(request: &'a Request, source: &'a Tables, target: &Tables) -> Result<Names<'a>, Error> {
        let mut names = Names {
            tables: BTreeMap::new(),
            columns: BTreeMap::new(),
            claimed: BTreeSet::new(),
            without: &request.without,
            casts: BTreeMap::new(),
        };
        let known = source.tables.iter().map(|table| table.name.as_str());
        let known: BTreeSet<&str> =
            known.chain(source.closed.iter().map(|(name, _)| name.as_str())).collect();
        for (from, to) in &request.rename {
            if known.contains(from.as_str()) {
                names.tables.insert(from, to);
                if !names.claimed.insert(to) {
                    return Err(slip(format!("two tables of the source are called {to:?}")));
                }
                continue;
            }
            let Some((table, column)) = column_of(source, from) else {
                return Err(slip(format!(
                    "{from:?} is neither a table of the source nor one of its columns"
                )));
            };
            names.columns.insert((&table.name, column), to);
        }
        for (of, to) in &request.cast {
            let Some((table, column)) = column_of(source, of) else {
                return Err(slip(format!("{of:?} is no column of the source (TABLE.COLUMN)")));
            };
            if table.key.iter().any(|key| key == column) {
                return Err(slip(format!(
                    "{of} is of the primary key, by which rows are found: it cannot be cast"
                )));
            }
            if !is_type(to) {
                return Err(slip(format!("{to:?} is no type that {of} could be cast to")));
            }
            names.casts.insert((&table.name, column), to);
        }
        let fits = |pattern: &String| {
            let in_one = |table: &Table, as_named: &str| {
                table.columns.iter().any(|column| matches(pattern, &format!("{as_named}.{}", column.name)))
            };
            source.tables.iter().any(|table| in_one(table, &table.name))
                || target.tables.iter().any(|table| in_one(table, names.at_source(&table.name)))
        };
        match request.without.iter().find(|pattern| !fits(pattern)) {
            Some(pattern) => Err(slip(format!("{pattern:?} fits no column of either side (TABLE.COLUMN)"))),
            None => Ok(names),
        }
    }

    /// What the target calls a table of the source; `None` where it has that name for another.
    pub(super) fn at_target<'t>(&'t self, table: &'t str) -> Option<&'t str> {
        let renamed = self.tables.get(table).copied();
        renamed.or_else(|| Some(table).filter(|table| !self.claims(table)))
    }

    fn at_source<'t>(&'t self, table: &'t str) -> &'t str {
        self.tables.iter().find(|(_, to)| **to == table).map_or(table, |(from, _)| from)
    }

    /// Whether a table of the target is one of the source's by another name.
    pub(super) fn claims(&self, table: &str) -> bool {
        self.claimed.contains(table)
    }

    /// What the target calls a column of a table of the source.
    pub(super) fn column_at_target<'t>(&'t self, table: &'t str, column: &'t str) -> &'t str {
        self.columns.get(&(table, column)).copied().unwrap_or(column)
    }

    /// What the source calls a column of the target's table; the same where it has none.
    pub(super) fn column_at_source<'t>(&'t self, table: &str, column: &'t str) -> &'t str {
        let mut renamed = self.columns.iter().filter(|((of, _), to)| *of == table && **to == column);
        renamed.next().map_or(column, |((_, from), _)| from)
    }

    /// The type that a column of a table of the source is cast to.
    pub(super) fn cast(&self, table: &str, column: &str) -> Option<&str> {
        self.casts.get(&(table, column)).copied()
    }

    /// Whether a column is left out, by the source's names.
    pub(super) fn leaves_out(&self, table: &str, column: &str) -> bool {
        let name = format!("{table}.{column}");
        self.without.iter().any(|pattern| matches(pattern, &name))
    }

    /// A column that says which row it is cannot be left out.
    pub(super) fn keeps_keys(&self, table: &Table) -> Result<(), Error> {
        match table.key.iter().find(|column| self.leaves_out(&table.name, column)) {
            Some(column) => {
                Err(slip(format!("{}.{column} is of the primary key and cannot be left out", table.name)))
            }
            None => Ok(()),
        }
    }
}

/// A column of the source by its table and name.
fn column_of<'a>(source: &'a Tables, named: &'a str) -> Option<(&'a Table, &'a str)> {
    source.tables.iter().find_map(|table| {
        let column = named.strip_prefix(table.name.as_str())?.strip_prefix('.')?;
        table.columns.iter().any(|it| it.name == column).then_some((table, column))
    })
}

/// It stands in SQL as it is, so it may be a type's name with what belongs to it, and nothing else.
fn is_type(text: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || " _.,()".contains(c);
    text.starts_with(char::is_alphabetic) && text.len() <= 80 && text.chars().all(plain) && {
        let depth = text.chars().try_fold(0_i32, |depth, c| match c {
            '(' => Some(depth + 1),
            ')' => (depth > 0).then_some(depth - 1),
            _ => Some(depth),
        });
        depth == Some(0)
    }
}

fn slip(why: String) -> Error {
    Error::broken("the comparison", why, "mend the entry, or take it out")
}
