//! Settings by which a statement means something else on the other side.
//!
//! What a session of the application would begin with: the server's own configuration and what is set for this database
//! (`reset_val`), and what is set for roles. The setting of a fence is not among them: it is ours.
//!
//! Source: PostgreSQL's documentation, `pg_settings`, `pg_db_role_setting`, "Client Connection Defaults".

use super::{Given, Pair, by_name, in_sql};
use crate::databases::postgres::sql::literal;
use crate::databases::{Error, Found};

/// How times are read and written.
const TIMES: &[&str] = &["timezone", "datestyle", "intervalstyle"];

/// What else changes what a statement means or gives.
const MEANING: &[&str] = &[
    "default_transaction_isolation",
    "default_transaction_deferrable",
    "standard_conforming_strings",
    "backslash_quote",
    "search_path",
    "bytea_output",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "default_text_search_config",
    "row_security",
    "extra_float_digits",
    "array_nulls",
    "transform_null_equals",
    "xmlbinary",
    "xmloption",
    "check_function_bodies",
    "synchronous_commit",
];

/// What our own sessions ask for themselves, and what a fence sets.
const OURS: &[&str] = &[
    "default_transaction_read_only",
    "statement_timeout",
    "idle_in_transaction_session_timeout",
    "client_connection_check_interval",
];

pub(super) async fn time_zone(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let mut found = defaults(pair, TIMES).await?;
    found.extend(of_roles(pair, "lower(split_part(c, '=', 1)) = any($1) and s.setrole <> 0", TIMES).await?);
    Ok(found)
}

pub(super) async fn look(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let mut found = defaults(pair, MEANING).await?;
    // What is compared already is not told twice where it is set for the whole database.
    let sql = "not lower(split_part(c, '=', 1)) = any($1)";
    let told: Vec<&str> = TIMES.iter().chain(OURS).copied().collect();
    let whole = format!(
        "{sql} and (s.setrole <> 0 or lower(split_part(c, '=', 1)) not in ({}))",
        MEANING.iter().map(|name| literal(name)).collect::<Vec<_>>().join(", ")
    );
    found.extend(of_roles(pair, &whole, &told).await?);
    Ok(found)
}

/// What a session begins with.
async fn defaults(pair: Pair<'_>, names: &[&str]) -> Result<Vec<Found>, Error> {
    let sql = "select name, coalesce(reset_val, '') from pg_settings where lower(name) = any($1) order by 1";
    let given: &[&dyn Given] = &[&names];
    let (here, there) = tokio::try_join!(pair.from.afresh::<2>(sql, given), pair.to.afresh::<2>(sql, given))?;
    let there = by_name(there);
    let (source, target) = (pair.from.name(), pair.to.name());
    let mut found = Vec::new();
    for [name, own] in here {
        // A setting that only one version knows is none that differs.
        let Some([_, theirs]) = there.get(&name) else { continue };
        if own != *theirs {
            found.push(Found::new(
                format!("setting {name}"),
                format!(
                    "is {own} at {source} and {theirs} at {target}: statements mean something else there"
                ),
                format!("alter database … set {name} = {} there", literal(&own)),
            ));
        }
    }
    Ok(found)
}

/// What is set for roles and databases, by conditions on the setting `c` of `s`.
async fn of_roles(pair: Pair<'_>, which: &str, names: &[&str]) -> Result<Vec<Found>, Error> {
    let sql = format!(
        "select concat_ws(' ', split_part(c, '=', 1), 'of', nullif(concat_ws(' in ', 'role ' || r.rolname,
             case when s.setdatabase <> 0 then 'this database' end), '')),
           split_part(c, '=', 1), coalesce(r.rolname, '')::text, (s.setdatabase <> 0)::text,
           substr(c, length(split_part(c, '=', 1)) + 2)
         from pg_db_role_setting s cross join unnest(s.setconfig) c left join pg_roles r on r.oid = s.setrole
         where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
           and not coalesce(r.rolsuper, false) and {which} order by 1"
    );
    let (here, there) = pair.both::<5>(&sql, &[&names]).await?;
    let roles = "select rolname::text from pg_roles";
    let roles = by_name(pair.to.texts::<1>(roles, &[]).await?);
    let there = by_name(there);
    let (source, target) = (pair.from.name(), pair.to.name());
    let mut found = Vec::new();
    for [name, setting, role, in_database, value] in here {
        // A role that is not there is another trap.
        if !role.is_empty() && !roles.contains_key(&role) {
            continue;
        }
        let theirs = there.get(&name).map(|[.., value]| value);
        if theirs != Some(&value) {
            let whose = match (role.as_str(), in_database.as_str()) {
                ("", _) => "database …".to_owned(),
                (role, "true") => format!("role {} in database …", in_sql(role)),
                (role, _) => format!("role {}", in_sql(role)),
            };
            let stands = theirs.map_or("not set".to_owned(), String::clone);
            found.push(Found::new(
                format!("setting {name}"),
                format!("is {value} at {source} and {stands} at {target}"),
                format!("alter {whose} set {setting} = {} there", literal(&value)),
            ));
        }
    }
    Ok(found)
}
