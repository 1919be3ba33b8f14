//! Settings by which a statement means something else on the other side, and the time zone.
//!
//! What a session of the application would begin with are the server's global settings. The setting of a fence is not among them.
//!
//! Source: MySQL's "Server System Variables", MariaDB's the same, "Time Zones" on both.

use std::collections::BTreeSet;

use super::{Pair, Right, number};
use crate::databases::mysql::sql::literal;
use crate::databases::{Error, Found};

/// What changes what a statement means or whether it is taken.
const MEANING: &[&str] = &[
    "sql_mode",
    "old_mode",
    "lower_case_table_names",
    "innodb_strict_mode",
    "foreign_key_checks",
    "unique_checks",
    "check_constraint_checks",
    "tx_isolation",
    "transaction_isolation",
    "autocommit",
    "completion_type",
    "explicit_defaults_for_timestamp",
    "group_concat_max_len",
    "div_precision_increment",
    "default_week_format",
    "lc_time_names",
    "default_storage_engine",
    "innodb_rollback_on_timeout",
    "log_bin_trust_function_creators",
    "sql_auto_is_null",
    "sql_safe_updates",
    "sql_select_limit",
    "max_join_size",
    "init_connect",
    "innodb_ft_min_token_size",
    "ft_min_word_len",
    "local_infile",
];

/// What only the files of a server or its start decide.
const FIXED: &[&str] = &["innodb_ft_min_token_size", "ft_min_word_len", "innodb_rollback_on_timeout"];

/// What has to be at least as much at the target.
const ROOM: &[&str] =
    &["max_allowed_packet", "max_prepared_stmt_count", "max_heap_table_size", "tmp_table_size"];

pub(super) async fn look(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let names: Vec<&str> = MEANING.iter().chain(ROOM).copied().collect();
    let (here, there) = tokio::try_join!(pair.from.settings(&names), pair.to.settings(&names))?;
    let (source, target) = pair.names();
    let mut found = Vec::new();
    for (setting, own) in &here {
        // A setting that only one version knows is none that differs.
        let Some(other) = there.get(setting) else { continue };
        let setting = setting.as_str();
        let mend = if setting == "lower_case_table_names" {
            format!("make the target anew with lower_case_table_names = {own}: names in its files follow it")
        } else if FIXED.contains(&setting) {
            format!("set {setting} = {own} in its configuration, and restart")
        } else {
            let value = if own.parse::<u64>().is_ok() { own.clone() } else { literal(own) };
            format!("set global {setting} = {value} there, in its configuration too")
        };
        if ROOM.contains(&setting) {
            if number(other) < number(own) {
                found.push(Found::new(
                    format!("setting {setting}"),
                    format!(
                        "is {own} at {source} and {other} at {target}, too small for what was taken so far"
                    ),
                    mend,
                ));
            }
        } else if words(own) != words(other) {
            let harm = match setting {
                "sql_mode" => modes(own, other, source, target),
                _ => format!(
                    "is {own} at {source} and {other} at {target}: statements mean something else there"
                ),
            };
            found.push(Found::new(format!("setting {setting}"), harm, mend));
        }
    }
    for (side, settings) in [(source, &here), (target, &there)] {
        for setting in ["foreign_key_checks", "unique_checks"] {
            if settings.get(setting).is_some_and(|on| on == "OFF") && here.get(setting) == there.get(setting)
            {
                found.push(Found::new(
                    format!("setting {setting} at {side}"),
                    "is off for every session: rows come in that break their keys",
                    format!("set global {setting} = on, in its configuration too"),
                ));
            }
        }
    }
    Ok(found)
}

/// The words of a setting that is a list, whose order says nothing.
fn words(value: &str) -> BTreeSet<&str> {
    value.split(',').collect()
}

/// What one mode has and the other has not: the whole lists would hide it.
fn modes(own: &str, other: &str, source: &str, target: &str) -> String {
    let (own, other) = (words(own), words(other));
    let only = |one: &BTreeSet<&str>, two: &BTreeSet<&str>, at: &str| {
        let only: Vec<&str> = one.difference(two).copied().filter(|mode| !mode.is_empty()).collect();
        (!only.is_empty()).then(|| format!("has {} at {at} only", only.join(", ")))
    };
    let said: Vec<String> =
        [only(&own, &other, source), only(&other, &own, target)].into_iter().flatten().collect();
    format!("{}: what was taken is refused there, or cut", said.join(" and "))
}

pub(super) async fn time_zone(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    pair.need("which time zones are loaded", &[Right::System]).await?;
    let sql = |_| {
        "select if(@@global.time_zone = 'SYSTEM', @@global.system_time_zone, @@global.time_zone),
           (select count(*) from mysql.time_zone_name)"
            .to_owned()
    };
    let (here, there) = pair.both::<2>(sql).await?;
    let (source, target) = pair.names();
    let mut found = Vec::new();
    for ([zone, loaded], [other, loaded_there]) in here.into_iter().zip(there) {
        if zone != other {
            found.push(Found::new(
                "setting time_zone",
                format!("is {zone} at {source} and {other} at {target}: times are read and written otherwise there"),
                format!("set global time_zone there to that of {source}, in its configuration too"),
            ));
        }
        if loaded != "0" && loaded_there == "0" {
            found.push(Found::new(
                format!("names of time zones at {target}"),
                "are not loaded: convert_tz gives null there",
                "mysql_tzinfo_to_sql /usr/share/zoneinfo | mariadb mysql (MySQL: | mysql mysql) there",
            ));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_between_two_modes_is_said() {
        assert_eq!(words("a,b"), words("b,a"));
        let said = modes("ANSI,STRICT_TRANS_TABLES", "STRICT_TRANS_TABLES,NO_ZERO_DATE", "dc1", "cloud");
        assert!(said.starts_with("has ANSI at dc1 only and has NO_ZERO_DATE at cloud only"), "{said}");
        assert!(modes("", "ANSI", "dc1", "cloud").starts_with("has ANSI at cloud only"));
    }
}
