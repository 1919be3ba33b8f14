//! The words of `test_decoding`: `table public.orders: UPDATE: old-key: id[bigint]:5 new-tuple: id[bigint]:6 …`.
//!
//! Source: `contrib/test_decoding/test_decoding.c`. Its reading is tried in `trail`.

use std::collections::HashMap;

use crate::databases::Value;

/// A quoted name, bare: `"Odd".orders` as `Odd.orders`.
pub(super) fn plain(table: &str) -> String {
    let mut words = Words(table);
    let part = |words: &mut Words<'_>| words.name().unwrap_or_default();
    let schema = part(&mut words);
    words.skip(".");
    format!("{schema}.{}", part(&mut words))
}

/// What is still to be read of a line.
#[derive(Clone, Copy)]
pub(super) struct Words<'a>(pub(super) &'a str);

impl Words<'_> {
    pub(super) fn skip(&mut self, what: &str) -> bool {
        let rest = self.0.strip_prefix(what);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// A name with its schema, quoted as the server quotes it.
    pub(super) fn table(&mut self) -> Option<String> {
        let all = self.0;
        self.name()?;
        if !self.skip(".") {
            return None;
        }
        self.name()?;
        all.get(..all.len() - self.0.len()).map(str::to_owned)
    }

    /// A name, without its quotes.
    fn name(&mut self) -> Option<String> {
        if self.skip("\"") {
            return self.quoted('"');
        }
        let end =
            self.0.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(self.0.len());
        let (name, rest) = self.0.split_at_checked(end).filter(|(name, _)| !name.is_empty())?;
        self.0 = rest;
        Some(name.to_owned())
    }

    /// What stands up to a quote that is not written twice.
    fn quoted(&mut self, quote: char) -> Option<String> {
        let mut text = String::new();
        loop {
            let at = self.0.find(quote)?;
            text.push_str(self.0.get(..at)?);
            self.0 = self.0.get(at + 1..)?;
            if !self.0.starts_with(quote) {
                return Some(text);
            }
            text.push(quote);
            self.0 = self.0.get(1..)?;
        }
    }

    /// The keys of a row, the old one first where the line has both; `None` where one is not there whole.
    pub(super) fn keys(&mut self, key: &[String]) -> Option<Vec<Vec<Value>>> {
        for what in ["INSERT:", "UPDATE:", "DELETE:"] {
            if self.skip(what) {
                break;
            }
        }
        let mut keys = Vec::new();
        if self.skip(" old-key:") {
            keys.push(self.key(key, true)?);
            self.skip(" new-tuple:");
        }
        keys.push(self.key(key, false)?);
        Some(keys)
    }

    /// The values of the key's columns in a tuple.
    fn key(&mut self, key: &[String], old: bool) -> Option<Vec<Value>> {
        let mut found: HashMap<String, Value> = HashMap::new();
        while !self.0.is_empty() {
            // Nothing else is wanted of a tuple that ends the line.
            if !old && found.len() == key.len() || old && self.0.starts_with(" new-tuple:") {
                break;
            }
            if !self.skip(" ") {
                return None;
            }
            let column = self.name()?;
            if !self.skip("[") {
                return None;
            }
            self.type_name()?;
            let value = self.value()?;
            // Of a key none is nothing.
            if key.contains(&column) && value != Value::Null {
                found.insert(column, value);
            }
        }
        key.iter().map(|column| found.remove(column)).collect()
    }

    /// Up to `]:`, which a quoted name may have in it.
    fn type_name(&mut self) -> Option<()> {
        loop {
            let at = self.0.find(['"', ']'])?;
            let rest = self.0.get(at..)?;
            if let Some(rest) = rest.strip_prefix('"') {
                self.0 = rest;
                self.quoted('"')?;
            } else if let Some(rest) = rest.strip_prefix("]:") {
                self.0 = rest;
                return Some(());
            } else {
                self.0 = rest.get(1..)?;
            }
        }
    }

    /// A value; one that is left in place is as good as none.
    fn value(&mut self) -> Option<Value> {
        if self.skip("null") || self.skip("unchanged-toast-datum") {
            return Some(Value::Null);
        }
        if self.skip("B'") || self.skip("'") {
            return self.quoted('\'').map(|text| Value::Text(text.into_bytes()));
        }
        let end = self.0.find(' ').unwrap_or(self.0.len());
        let (bare, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        Some(Value::text(bare))
    }
}
