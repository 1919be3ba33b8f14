//! The one row that tells two sides apart: it differs on purpose, so nothing may make it the same or call it wrong.

use super::super::diagnostic::Diagnostic;
use super::super::source::Place;
use super::Lint;
use crate::plan::ids::EndpointId;
use crate::plan::model::{Probe, ProbeKind};

impl Lint<'_> {
    pub(super) fn identity(&mut self) {
        let plan = self.plan;
        for probe in &plan.probes {
            match &probe.kind {
                ProbeKind::Tables(tables) => {
                    let named = |patterns: &[String], table: &str| {
                        patterns.iter().any(|p| forms(table).iter().any(|form| fits(p, form)))
                    };
                    let compared = |table: &str| {
                        (tables.include.is_empty() || named(&tables.include, table))
                            && !named(&tables.except, table)
                    };
                    for (table, at) in self.told_apart_by(&tables.from, &tables.to) {
                        if compared(&table) {
                            self.compared(probe, &table, at, tables.include.contains(&table));
                        }
                    }
                }
                ProbeKind::Link(link) => {
                    for (table, at) in self.told_apart_by(&link.from, &link.to) {
                        if !forms(&table).iter().any(|form| link.except.contains(form)) {
                            self.carried(probe, &table, at);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// The tables that the identities of these two are read from, and where the plan says so.
    fn told_apart_by(&self, from: &EndpointId, to: &EndpointId) -> Vec<(String, Place)> {
        let mut found: Vec<(String, Place)> = Vec::new();
        for endpoint in self.plan.endpoints.iter().filter(|e| e.id == *from || e.id == *to) {
            let Some(row) = endpoint.identity.as_ref().and_then(|identity| identity.row.as_ref()) else {
                continue;
            };
            for table in tables_of(&row.sql) {
                if !found.iter().any(|(known, _)| *known == table) {
                    found.push((table, self.atlas.endpoint(&endpoint.id, "identity")));
                }
            }
        }
        found
    }

    fn compared(&mut self, probe: &Probe, table: &str, identity: Place, by_name: bool) {
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
            .related(identity, "what tells the sides apart")
            .help(help),
        );
    }

    fn carried(&mut self, probe: &Probe, table: &str, identity: Place) {
        self.found(
            Diagnostic::warning(
                "carries-identity",
                self.atlas.probe(&probe.id, "sqlite"),
                format!("`{}` carries `{table}`: one side would take on the other's identity", probe.id),
            )
            .label("every table travels it")
            .related(identity, "what tells the sides apart")
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

/// How the table of a query may be called elsewhere in a plan: as it is written, by its own name, and, where it is written
/// without a schema, by that of the schema in which tables are that nobody gave another.
fn forms(table: &str) -> Vec<String> {
    match table.rsplit_once('.') {
        Some((_, bare)) => vec![table.to_owned(), bare.to_owned()],
        None => vec![table.to_owned(), format!("public.{table}")],
    }
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
        assert_eq!(forms("ops.environment"), ["ops.environment", "environment"]);
        assert_eq!(forms("environment"), ["environment", "public.environment"]);
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
