//! Extensions: missing or older at the target.
//!
//! Source: PostgreSQL's documentation, `pg_extension`, `pg_available_extensions` (what the machine has files of). A standby
//! has its primary's catalogue, and files of its own.

use super::{Pair, by_name, in_sql};
use crate::databases::{Error, Found};

pub(super) async fn look(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let sql = "select x.extname::text, x.extversion, n.nspname::text from pg_extension x
                 join pg_namespace n on n.oid = x.extnamespace order by 1";
    let (here, there) = pair.both::<3>(sql, &[]).await?;
    let available = "select name::text, coalesce(default_version, '') from pg_available_extensions";
    let available = by_name(pair.to.texts::<2>(available, &[]).await?);
    let there = by_name(there);
    let (source, target) = (pair.from.name(), pair.to.name());
    let mut found = Vec::new();
    for [name, version, schema] in &here {
        let quoted = in_sql(name);
        let mut say =
            |harm: String, mend: String| found.push(Found::new(format!("extension {name}"), harm, mend));
        match (there.get(name), available.get(name)) {
            (_, None) => say(
                format!("has no files on the machine of {target}: what uses it fails there"),
                "install its package there".to_owned(),
            ),
            (None, Some(_)) => say(
                format!("is not made at {target}: what uses it fails there"),
                format!("create extension {quoted} schema {} there", in_sql(schema)),
            ),
            (Some([_, version_there, _]), Some(_)) if is_older(version_there, version) => say(
                format!("is {version} at {source} and {version_there} at {target}, a step back"),
                format!("alter extension {quoted} update to '{version}' there"),
            ),
            (Some(_), Some(_)) => {}
        }
    }
    Ok(found)
}

/// Whether a version comes before another. Versions are free text, mostly numbers with dots.
fn is_older(one: &str, other: &str) -> bool {
    let parts = |text: &str| -> Vec<u64> {
        text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
    };
    parts(one) < parts(other)
}

#[cfg(test)]
mod tests {
    use super::is_older;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(is_older("1.9", "1.10") && is_older("3.3.2", "3.4") && is_older("1.0", "1.0.1"));
        assert!(!is_older("1.10", "1.9") && !is_older("2.0", "2.0"));
    }
}
