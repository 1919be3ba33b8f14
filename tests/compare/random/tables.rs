//! A random table, its rows, and what may befall them.

use std::collections::BTreeSet;

use super::values::{Kind, Of, Val};
use crate::dice::Dice;

#[derive(Clone)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
}

/// What a table is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Plain,
    /// By the hash of its first column.
    Partitioned,
    /// Another table inherits from it, and has some of its rows.
    Inherited,
}

pub struct Table {
    pub name: String,
    /// Its name in SQL.
    pub written: String,
    pub columns: Vec<Column>,
    /// The key's columns in the key's order; empty where there is none.
    pub key: Vec<usize>,
    pub shape: Shape,
    /// A view of it stands beside it.
    pub viewed: bool,
}

impl Table {
    pub fn random(dice: &mut Dice, name: &str, kinds: &[Kind], shapes: &[Shape]) -> Table {
        let keys: Vec<Kind> = kinds.iter().copied().filter(|kind| kind.key).collect();
        let whole: Vec<Kind> = keys.iter().copied().filter(|kind| matches!(kind.of, Of::Whole(..))).collect();
        let (of_key, width) = match dice.below(6) {
            0 => (0, dice.from(1, 12)),
            1 | 2 => (1, dice.from(1, 12)),
            3 | 4 => (1, dice.from(2, 12)),
            _ => (dice.from(2, 3), dice.from(3, 12)),
        };
        let only_whole = dice.once_in(2);
        let columns: Vec<Column> = (0..width)
            .map(|i| {
                let pool = if i >= of_key {
                    kinds
                } else if only_whole {
                    &whole
                } else {
                    &keys
                };
                let name = if dice.once_in(8) { format!("Odd \"`{i}") } else { format!("c{i}") };
                Column { name, kind: dice.pick(pool) }
            })
            .collect();
        let mut key: Vec<usize> = (0..of_key).collect();
        dice.shuffle(&mut key);
        let shape = dice.pick(shapes);
        let shape = if shape == Shape::Partitioned && !columns[0].kind.key { Shape::Plain } else { shape };
        Table {
            name: name.to_owned(),
            written: name.to_owned(),
            columns,
            key,
            shape,
            viewed: dice.once_in(10),
        }
    }

    /// The columns that say which row it is, as they stand in the table.
    pub fn key_columns(&self) -> Vec<usize> {
        let mut key = if self.key.is_empty() { (0..self.columns.len()).collect() } else { self.key.clone() };
        key.sort_unstable();
        key
    }

    /// The server may take two values of its key for one.
    pub fn has_soft_key(&self) -> bool {
        let hard =
            |at: &usize| matches!(self.columns[*at].kind.of, Of::Whole(..) | Of::Day | Of::Moment | Of::Uuid);
        !self.key.iter().all(hard)
    }

    /// Rows, mostly few.
    pub fn rows(&self, dice: &mut Dice, least: usize) -> Vec<Vec<Val>> {
        let most = match dice.below(30) {
            0 => 3_000,
            1..=4 => 400,
            5..=9 => 3,
            _ => 40,
        };
        let wanted = dice.from(least, most);
        // Bunched keys come one after another, from somewhere.
        let bunched = dice.once_in(2);
        let from = dice.from(0, 100_000) as i128 - 50_000;
        let mut rows: Vec<Vec<Val>> = (0..wanted)
            .map(|i| {
                let mut row: Vec<Val> = (0..self.columns.len()).map(|at| self.value(dice, at)).collect();
                if let ([at], true) = (self.key.as_slice(), bunched)
                    && let Of::Whole(low, high) = self.columns[*at].kind.of
                {
                    row[*at] = Val::Bare((from + i as i128).clamp(low, high).to_string());
                }
                row
            })
            .collect();
        self.unique(&mut rows);
        // Without a key some rows are there twice.
        if self.key.is_empty() {
            for _ in 0..rows.len() / 5 {
                rows.push(rows[dice.below(rows.len())].clone());
            }
        }
        rows
    }

    fn value(&self, dice: &mut Dice, at: usize) -> Val {
        if !self.key.contains(&at) && dice.once_in(6) {
            Val::Null
        } else {
            self.columns[at].kind.of.random(dice)
        }
    }

    /// One row a key, the first.
    fn unique(&self, rows: &mut Vec<Vec<Val>>) {
        if !self.key.is_empty() {
            let mut seen = BTreeSet::new();
            rows.retain(|row| seen.insert(self.key.iter().map(|i| row[*i].clone()).collect::<Vec<_>>()));
        }
    }

    /// Something befalls its rows.
    pub fn change(&self, dice: &mut Dice, rows: &mut Vec<Vec<Val>>) {
        let fresh =
            |dice: &mut Dice| (0..self.columns.len()).map(|at| self.value(dice, at)).collect::<Vec<_>>();
        if rows.is_empty() {
            rows.push(fresh(dice));
            return;
        }
        let at = dice.below(rows.len());
        match dice.below(9) {
            // A value is another, the key's too.
            0..=3 => {
                let column = dice.below(self.columns.len());
                let near = self.columns[column].kind.of.near(dice, &rows[at][column]);
                if near != Val::Null || !self.key.contains(&column) {
                    rows[at][column] = near;
                }
            }
            4 => drop(rows.remove(at)),
            5 => rows.push(fresh(dice)),
            // Two rows have each other's value.
            6 => {
                let (other, column) = (dice.below(rows.len()), dice.below(self.columns.len()));
                let (a, b) = (rows[at][column].clone(), rows[other][column].clone());
                rows[at][column] = b;
                rows[other][column] = a;
            }
            // As many are gone as there are new ones.
            7 => {
                for _ in 0..dice.from(1, rows.len().min(100)) {
                    rows.remove(dice.below(rows.len()));
                    rows.push(fresh(dice));
                }
            }
            // One more of a row, which a key does not let in.
            _ => rows.push(rows[at].clone()),
        }
        self.unique(rows);
    }

    /// The table that inherits from it: it has no key, and some of its rows once more.
    pub fn heir(&self) -> Option<Table> {
        let name = format!("{}_heir", self.name);
        let written = format!("{}_heir", self.written);
        let columns = self.columns.clone();
        let heir = Table { name, written, columns, key: Vec::new(), shape: Shape::Plain, viewed: false };
        (self.shape == Shape::Inherited).then_some(heir)
    }

    pub fn drop(&self) -> String {
        let view = if self.viewed { format!("drop view {}_seen;\n", self.written) } else { String::new() };
        let heir = if self.shape == Shape::Inherited {
            format!("drop table {}_heir;\n", self.written)
        } else {
            String::new()
        };
        format!("{view}{heir}drop table {};\n", self.written)
    }
}
