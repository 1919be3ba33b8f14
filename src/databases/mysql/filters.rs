//! Which tables a server leaves out of its log or of what it applies.
//!
//! Source: MySQL's "How Servers Evaluate Replication Filtering Rules" (row format, in which the table's own database counts),
//! MariaDB's "Replication Filters".

use super::session::Named;

/// The rules of one side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filters {
    do_db: Vec<String>,
    ignore_db: Vec<String>,
    do_table: Vec<String>,
    ignore_table: Vec<String>,
    wild_do: Vec<String>,
    wild_ignore: Vec<String>,
    /// Rules that leave out transactions by where they come from, as `name=value`.
    pub(super) by_origin: Vec<String>,
}

impl Filters {
    /// Reads them from a row of status; `prefix` is `replicate_` at a replica and `binlog_` at a source.
    pub(super) fn of(row: &Named, prefix: &str) -> Filters {
        let list = |name: &str| -> Vec<String> {
            let text = row.text(&format!("{prefix}{name}"));
            text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()
        };
        let by_origin =
            ["do_domain_ids", "ignore_domain_ids", "ignore_server_ids"].into_iter().filter_map(|name| {
                let names = [format!("replicate_{name}"), format!("master_{name}"), format!("source_{name}")];
                let value = row.any(&names.each_ref().map(String::as_str))?;
                (prefix == "replicate_" && !value.is_empty()).then(|| format!("{name}={value}"))
            });
        Filters {
            do_db: list("do_db"),
            ignore_db: list("ignore_db"),
            do_table: list("do_table"),
            ignore_table: list("ignore_table"),
            wild_do: list("wild_do_table"),
            wild_ignore: list("wild_ignore_table"),
            by_origin: by_origin.collect(),
        }
    }

    /// The rule that leaves a table out.
    pub(super) fn leaves_out(&self, database: &str, table: &str) -> Option<&'static str> {
        let has = |list: &[String], name: &str| list.iter().any(|one| one == name);
        if !self.do_db.is_empty() {
            if !has(&self.do_db, database) {
                return Some("do_db");
            }
        } else if has(&self.ignore_db, database) {
            return Some("ignore_db");
        }
        let full = format!("{database}.{table}");
        if has(&self.do_table, &full) {
            return None;
        }
        if has(&self.ignore_table, &full) {
            return Some("ignore_table");
        }
        if self.wild_do.iter().any(|pattern| like(pattern, &full)) {
            return None;
        }
        if self.wild_ignore.iter().any(|pattern| like(pattern, &full)) {
            return Some("wild_ignore_table");
        }
        if !self.do_table.is_empty() {
            return Some("do_table");
        }
        (!self.wild_do.is_empty()).then_some("wild_do_table")
    }
}

/// SQL's `like`: `%` for anything, `_` for one character, `\` before one that means itself.
fn like(pattern: &str, text: &str) -> bool {
    fn from(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('%', rest)) => (0..=text.len()).any(|skip| text.get(skip..).is_some_and(|t| from(rest, t))),
            Some(('_', rest)) => text.split_first().is_some_and(|(_, t)| from(rest, t)),
            Some(('\\', rest)) if !rest.is_empty() => match (rest.split_first(), text.split_first()) {
                (Some((p, rest)), Some((t, text))) => p == t && from(rest, text),
                _ => false,
            },
            Some((p, rest)) => text.split_first().is_some_and(|(t, text)| p == t && from(rest, text)),
        }
    }
    from(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(pairs: &[(&str, &str)]) -> Filters {
        let row = pairs.iter().map(|(k, v)| (format!("replicate_{k}"), Some((*v).to_owned()))).collect();
        Filters::of(&Named(row), "replicate_")
    }

    #[test]
    fn rules_are_followed_in_the_servers_order() {
        let some = filters(&[("do_table", "shop.orders"), ("wild_ignore_table", "shop.%")]);
        assert_eq!(some.leaves_out("shop", "orders"), None, "named before it is left out by a pattern");
        assert_eq!(some.leaves_out("shop", "log"), Some("wild_ignore_table"));
        assert_eq!(some.leaves_out("other", "t"), Some("do_table"), "not among those that are named");
        let databases = filters(&[("do_db", "shop,bank"), ("ignore_db", "shop")]);
        assert_eq!(databases.leaves_out("shop", "t"), None, "with do_db nobody looks at ignore_db");
        assert_eq!(databases.leaves_out("x", "t"), Some("do_db"));
        assert_eq!(filters(&[]).leaves_out("x", "t"), None);
        assert_eq!(filters(&[("ignore_server_ids", "7")]).by_origin, ["ignore_server_ids=7"]);
    }

    #[test]
    fn patterns_are_those_of_like() {
        assert!(like("shop.tmp%", "shop.tmp_1") && like("s_op.%", "shop.t"));
        assert!(like("shop.a\\_b", "shop.a_b") && !like("shop.a\\_b", "shop.axb"));
        assert!(!like("shop.t", "shop.tt"));
    }
}
