//! Collations: whether both sides sort alike, and whether indexes are in the order in which the system sorts now.
//!
//! Source: PostgreSQL's documentation, "Collation Support", `ALTER COLLATION … REFRESH VERSION`; `pg_database.datcollversion`
//! from version 15 on. A standby takes its primary's indexes as they are: where its system sorts in another way, they are
//! corrupt there.

use std::collections::BTreeSet;

use super::{Pair, Side, by_name, in_sql, number};
use crate::databases::postgres::sql::EVERY_TABLE;
use crate::databases::{Error, Found};

/// From this version on a database knows by which version of its collation it was made.
const VERSIONED: i64 = 150_000;

/// How a database sorts.
struct Default {
    database: String,
    provider: String,
    locale: String,
    ctype: String,
    recorded: String,
    actual: String,
}

async fn default(side: Side<'_>) -> Result<Default, Error> {
    let [version] = side.one("select current_setting('server_version_num')", &[]).await?;
    let actual = match number(&version) {
        VERSIONED.. => "coalesce(pg_database_collation_actual_version(d.oid), '')",
        _ => "''",
    };
    let sql = format!(
        "select d.datname::text, coalesce(to_jsonb(d) ->> 'datlocprovider', 'c'),
           coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', d.datcollate),
           d.datctype::text, coalesce(to_jsonb(d) ->> 'datcollversion', ''), {actual}
         from pg_database d where d.datname = current_database()"
    );
    let [database, provider, locale, ctype, recorded, actual] = side.one(&sql, &[]).await?;
    Ok(Default { database, provider, locale, ctype, recorded, actual })
}

/// `C.UTF-8` and `C.utf8` are one.
fn plain(locale: &str) -> String {
    locale.chars().filter(|c| *c != '-').collect::<String>().to_lowercase()
}

fn provider(letter: &str) -> &str {
    match letter {
        "i" => "ICU",
        "b" => "the builtin provider",
        _ => "libc",
    }
}

/// Columns that sort by something: name, collation, its recorded and its actual version.
fn columns() -> String {
    format!(
        "select format('%s.%s.%s', n.nspname, c.relname, a.attname), format('%s.%s', k.nspname, l.collname),
           coalesce(l.collversion, ''), coalesce(pg_collation_actual_version(l.oid), '')
         from pg_attribute a join pg_collation l on l.oid = a.attcollation join pg_namespace k on k.oid = l.collnamespace,
           {EVERY_TABLE} and a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by 1"
    )
}

pub(super) async fn look(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let (one, other) = tokio::try_join!(default(pair.from), default(pair.to))?;
    let (source, target) = (pair.from.name(), pair.to.name());
    let mut found = Vec::new();
    let alike = one.provider == other.provider
        && plain(&one.locale) == plain(&other.locale)
        && plain(&one.ctype) == plain(&other.ctype);
    if !alike {
        let of = |it: &Default| format!("{} by {} (ctype {})", it.locale, provider(&it.provider), it.ctype);
        found.push(Found::new(
            format!("database {}", other.database),
            format!("sorts by {} at {source}, by {} at {target}", of(&one), of(&other)),
            "make the target anew with the locale and provider of the source (create database … template template0)",
        ));
    }
    for (side, it) in [(source, &one), (target, &other)] {
        if moved(&it.recorded, &it.actual) {
            found.push(Found::new(
                format!("database {} at {side}", it.database),
                format!(
                    "was made with collation version {}, the system has {}: indexes of text may be corrupt",
                    it.recorded, it.actual
                ),
                format!(
                    "reindex database {name}, then alter database {name} refresh collation version",
                    name = in_sql(&it.database)
                ),
            ));
        }
    }
    if pair.is_standby() && one.actual != other.actual {
        found.push(Found::new(
            format!("database {}", one.database),
            format!(
                "sorts by version {} at {source}, {} on {target}: indexes of text are corrupt there",
                one.actual, other.actual
            ),
            "give both machines one version of the C library and ICU, or reindex after the promotion",
        ));
    }
    of_columns(pair, &mut found).await?;
    Ok(found)
}

/// Whether a version that was written down is not the one that the system has.
fn moved(recorded: &str, actual: &str) -> bool {
    !recorded.is_empty() && !actual.is_empty() && recorded != actual
}

async fn of_columns(pair: Pair<'_>, found: &mut Vec<Found>) -> Result<(), Error> {
    let (here, there) = pair.both::<4>(&columns(), &[]).await?;
    let (source, target) = (pair.from.name(), pair.to.name());
    let mut said = BTreeSet::new();
    let both = [(source, &here), (target, &there)];
    for (side, rows) in if pair.is_standby() { &both[..1] } else { &both[..] } {
        for [column, collation, recorded, actual] in *rows {
            if moved(recorded, actual) && said.insert((*side, collation.clone())) {
                found.push(Found::new(
                    format!("collation {collation} at {side}"),
                    format!("is of version {recorded}, the system has {actual}: indexes of {column} may be corrupt"),
                    format!("reindex what uses it, then alter collation {} refresh version", in_sql(collation)),
                ));
            }
        }
    }
    let there = by_name(there);
    for [column, collation, _, actual] in &here {
        let Some([_, collation_there, _, actual_there]) = there.get(column) else { continue };
        if collation != collation_there {
            found.push(Found::new(
                format!("column {column}"),
                format!("sorts by {collation} at {source} and by {collation_there} at {target}"),
                format!(
                    "make the collation there, and alter the column's type … collate {}",
                    in_sql(collation)
                ),
            ));
        } else if pair.is_standby() && actual != actual_there && said.insert((target, collation.clone())) {
            found.push(Found::new(
                format!("collation {collation}"),
                format!("is of version {actual} at {source}, {actual_there} on {target}: indexes of {column} are corrupt there"),
                "give both machines one version of the C library and ICU, or reindex after the promotion",
            ));
        }
    }
    Ok(())
}
