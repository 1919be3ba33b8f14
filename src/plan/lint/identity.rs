//! The one row that tells two sides apart: it differs on purpose, so nothing may make it the same or call it wrong.

use super::super::diagnostic::Diagnostic;
use super::super::source::Place;
use super::Lint;
use crate::plan::ids::EndpointId;
use crate::plan::model::{DatabaseKind, DatabaseSettings, Link, Probe, ProbeKind};
use crate::plan::secret::{Part, Template};

/// A table that tells sides apart.
struct Told {
    /// What people are told to call it.
    name: String,
    /// What else it may be called in a plan.
    forms: Vec<String>,
    /// It is in the database that the endpoint is about.
    within: bool,
    /// Where the plan reads it.
    at: Place,
}

impl Lint<'_> {
    pub(super) fn identity(&mut self) {
        let plan = self.plan;
        for probe in &plan.probes {
            match &probe.kind {
                ProbeKind::Tables(tables) => {
                    let named = |patterns: &[String], table: &Told| {
                        patterns.iter().any(|p| table.forms.iter().any(|form| fits(p, form)))
                    };
                    let compared = |table: &Told| {
                        table.within
                            && (tables.include.is_empty() || named(&tables.include, table))
                            && !named(&tables.except, table)
                    };
                    for table in self.told_apart_by(&tables.from, &tables.to) {
                        if compared(&table) {
                            self.compared(probe, &table, tables.include.contains(&table.name));
                        }
                    }
                }
                ProbeKind::Link(link) => {
                    for table in self.told_apart_by(&link.from, &link.to) {
                        if !table.forms.iter().any(|form| link.except.contains(form)) {
                            self.carried(probe, link, &table);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// The tables that the identities of these two are read from.
    fn told_apart_by(&self, from: &EndpointId, to: &EndpointId) -> Vec<Told> {
        let mut found: Vec<Told> = Vec::new();
        for endpoint in self.plan.endpoints.iter().filter(|e| e.id == *from || e.id == *to) {
            let Some(row) = endpoint.identity.as_ref().and_then(|identity| identity.row.as_ref()) else {
                continue;
            };
            for table in tables_of(&row.sql) {
                let (forms, within) = forms(&table, &endpoint.database);
                let name = forms.first().cloned().unwrap_or(table);
                if !found.iter().any(|known| known.name == name) {
                    found.push(Told {
                        name,
                        forms,
                        within,
                        at: self.atlas.endpoint(&endpoint.id, "identity"),
                    });
                }
            }
        }
        found
    }

    fn compared(&mut self, probe: &Probe, table: &Told, by_name: bool) {
        let Told { name: table, at, .. } = table;
        let help = if by_name {
            format!("take `{table}` out of `include`")
        } else {
            format!("add except = [\"{table}\"] to it")
        };
        self.found(
            Diagnostic::warning(
                "compares-identity",
                self.atlas.probe(&probe.id, "tables"),
                format!("`{}` compares `{table}`, which differs on purpose", probe.id),
            )
            .label("can never be the same")
            .related(*at, "what tells the sides apart")
            .help(help),
        );
    }

    fn carried(&mut self, probe: &Probe, link: &Link, table: &Told) {
        let Told { name: table, at, .. } = table;
        self.found(
            Diagnostic::warning(
                "carries-identity",
                self.atlas.probe(&probe.id, link.kind.key()),
                format!("`{}` carries `{table}`: one side would take on the other's identity", probe.id),
            )
            .label("every table travels it")
            .related(*at, "what tells the sides apart")
            .help(format!("add except = [\"{table}\"] to it, and leave the table out of what replicates")),
        );
    }
}

/// The tables that a query names after `from` and `join`, as far as can be seen without knowing SQL.
fn tables_of(sql: &str) -> Vec<String> {
    let words: Vec<&str> =
        sql.split(|c: char| c.is_whitespace() || "(),;".contains(c)).filter(|w| !w.is_empty()).collect();
    let follows = |word: &str| ["from", "join"].iter().any(|key| word.eq_ignore_ascii_case(key));
    let named = words.windows(2).filter_map(|pair| match pair {
        [key, name] if follows(key) && !name.eq_ignore_ascii_case("select") => Some(*name),
        _ => None,
    });
    let plain = |name: &str| {
        let parts: Vec<&str> =
            name.split('.').map(|part| part.trim_matches(|c| "\"`[]'".contains(c))).collect();
        parts.join(".").trim_start_matches("main.").to_owned()
    };
    named.map(plain).filter(|name| !name.is_empty()).collect()
}

/// How the table of a query may be called elsewhere in a plan, the best name first, and whether it is among the tables that
/// the endpoint is about.
///
/// As it is written, by its own name, and, where it is written without a schema, by that of the schema in which tables are that
/// nobody gave another. MySQL's tables have one name each: their own where the address names their database, with their
/// database where it names none.
fn forms(table: &str, of: &DatabaseSettings) -> (Vec<String>, bool) {
    let parts = table.rsplit_once('.');
    let of = if of.kind == DatabaseKind::Mysql { database(&of.address) } else { None };
    match (of, parts) {
        (Some(of), Some((schema, bare))) if schema == of => (vec![bare.to_owned()], true),
        (Some(of), Some(_)) => (vec![table.to_owned()], of.is_empty()),
        (Some(_), None) => (vec![table.to_owned()], true),
        (None, Some((_, bare))) => (vec![table.to_owned(), bare.to_owned()], true),
        (None, None) => (vec![table.to_owned(), format!("public.{table}")], true),
    }
}

/// The database that MySQL's address names, empty where it names none; `None` where that is not written in the plan.
fn database(address: &Template) -> Option<String> {
    let (last, before) = address.parts().split_last()?;
    let Part::Text(text) = last else { return None };
    let text = text.split('?').next().unwrap_or(text);
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let place = text.rsplit_once('@').map(|(_, place)| place);
    if place.is_none() && !before.is_empty() && !text.contains('/') {
        return None;
    }
    Some(place.unwrap_or(text).split_once('/').map_or("", |(_, database)| database).to_owned())
}

/// Whether a name is one of those that a pattern with `*` and `?` means.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // The last `*`, and how far it reaches.
    let mut star: Option<(usize, usize)> = None;
    while let Some(&c) = name.get(n) {
        match (pattern.get(p), star) {
            (Some('*'), _) => {
                star = Some((p, n));
                p += 1;
            }
            (Some(&wanted), _) if wanted == '?' || wanted == c => {
                p += 1;
                n += 1;
            }
            (_, Some((at, reaches))) => {
                star = Some((at, reaches + 1));
                p = at + 1;
                n = reaches + 1;
            }
            (_, None) => return false,
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_of_a_query_are_seen() {
        assert_eq!(tables_of("select name from environment"), ["environment"]);
        assert_eq!(tables_of("SELECT a FROM main.\"Env\" e JOIN [b] ON 1"), ["Env", "b"]);
        assert_eq!(tables_of("select (select x from (select y from t))"), ["t"]);
        assert!(tables_of("select 1").is_empty() && tables_of("select 1 from").is_empty());
    }

    #[test]
    fn a_table_with_a_schema_is_in_no_other() {
        assert_eq!(tables_of("select name from ops.environment"), ["ops.environment"]);
        let of = |kind, address: &str| DatabaseSettings { kind, address: Template::plain(address) };
        let postgres = of(DatabaseKind::Postgres, "postgres://db/shop");
        assert_eq!(forms("ops.environment", &postgres).0, ["ops.environment", "environment"]);
        assert_eq!(forms("environment", &postgres).0, ["environment", "public.environment"]);
    }

    #[test]
    fn a_table_of_mysql_has_the_name_that_its_address_gives_it() {
        let of = |parts: &[Part]| DatabaseSettings {
            kind: DatabaseKind::Mysql,
            address: Template::new(parts.to_vec()),
        };
        let text = |text: &str| Part::Text(text.to_owned());
        let secret = || Part::Env("PASSWORD".to_owned());
        let shop = of(&[text("mysql://me:"), secret(), text("@db:3306/shop?ssl-mode=REQUIRED")]);
        let whole = of(&[text("mysql://me:"), secret(), text("@db/")]);
        let host = of(&[text("mysql://me@"), secret(), text("/shop")]);
        let unknown = of(&[secret(), text("?ssl-mode=REQUIRED")]);
        for (table, at, wanted, within) in [
            ("shop.side", &shop, &["side".to_owned()][..], true),
            ("side", &shop, &["side".to_owned()], true),
            ("ops.side", &shop, &["ops.side".to_owned()], false),
            ("ops.side", &whole, &["ops.side".to_owned()], true),
            ("shop.side", &host, &["side".to_owned()], true),
            ("ops.side", &of(&[text("mysql://db")]), &["ops.side".to_owned()], true),
            ("ops.side", &unknown, &["ops.side".to_owned(), "side".to_owned()], true),
            ("ops.side", &of(&[secret()]), &["ops.side".to_owned(), "side".to_owned()], true),
        ] {
            let (forms, is_within) = forms(table, at);
            assert_eq!((forms.as_slice(), is_within), (wanted, within), "{table} at {:?}", at.address);
        }
    }

    #[test]
    fn a_pattern_means_what_it_means_to_the_comparison() {
        for (pattern, name, meant) in [
            ("*", "environment", true),
            ("env*", "environment", true),
            ("e?v*t", "environment", true),
            ("env", "environment", false),
            ("environment", "environment", true),
            ("*x", "environment", false),
            ("*n*", "environment", true),
            ("*t*t", "environment", false),
            ("", "", true),
        ] {
            assert_eq!(fits(pattern, name), meant, "{pattern} {name}");
        }
    }
}
