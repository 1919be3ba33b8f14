//! The log: what it carries and for how long, whose numbers are in it, and what the target passes over while it applies.
//!
//! Source: MariaDB's "Binary Log Formats", "Global Transaction ID", `slave_exec_mode`; MySQL's "Binary Logging Options and
//! Variables", "Replica Server Options and Variables".

use std::collections::BTreeMap;

use super::{Pair, Right, Side, number};
use crate::databases::mysql::gtid::State;
use crate::databases::{Error, Found};

/// A log that is kept for less than this, in seconds, is gone before a night is over.
const DAY: i64 = 86_400;

/// A setting that may go by two names: it was renamed in MySQL 8.
fn renamed<'s>(settings: &'s BTreeMap<String, String>, old: &str, new: &str) -> Option<&'s String> {
    settings.get(new).or_else(|| settings.get(old))
}

pub(super) async fn logging(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    for (side, sends) in [(pair.from, true), (pair.to, false)] {
        let at = side.name();
        let mut say = |setting: &str, harm: String, mend: &str| {
            found.push(Found::new(format!("{setting} at {at}"), harm, mend));
        };
        let settings = side
            .settings(&[
                "log_bin",
                "binlog_format",
                "binlog_row_image",
                "log_slave_updates",
                "log_replica_updates",
                "binlog_expire_logs_seconds",
                "expire_logs_days",
            ])
            .await?;
        let get = |name: &str| settings.get(name).map(String::as_str).unwrap_or_default();
        if get("log_bin") == "OFF" {
            let harm = "is off: what is written there can be followed by nobody and proved by nothing";
            say("log_bin", harm.to_owned(), "set log_bin in its configuration, and restart");
            continue;
        }
        // What the target logs matters to whoever follows it: the way back does.
        if !sends && pair.asked.back.is_none() && !is_followed(side).await? {
            continue;
        }
        let format = get("binlog_format");
        if !format.is_empty() && format != "ROW" {
            say(
                "binlog_format",
                format!("is {format}: a statement may do something else on the other side"),
                "set global binlog_format = 'ROW', in the configuration too, and end older sessions",
            );
        }
        let image = get("binlog_row_image");
        if !image.is_empty() && !image.starts_with("FULL") {
            say(
                "binlog_row_image",
                format!("is {image}: rows travel in part, so a target that differs is not noticed"),
                "set global binlog_row_image = 'FULL', in the configuration too, and end older sessions",
            );
        }
        if !sends
            && renamed(&settings, "log_slave_updates", "log_replica_updates").is_some_and(|v| v == "OFF")
        {
            say(
                "log_slave_updates",
                "is off: whoever follows it, the way back too, finds nothing of what came from the source"
                    .to_owned(),
                "set log_slave_updates in its configuration, and restart",
            );
        }
        if let Some(kept) = kept(&settings).filter(|kept| *kept < DAY) {
            say(
                "binlog_expire_logs_seconds",
                format!("keeps its log for {kept} s: who stops for longer cannot go on"),
                if settings.contains_key("binlog_expire_logs_seconds") {
                    "set global binlog_expire_logs_seconds = 604800, in the configuration too"
                } else {
                    "set global expire_logs_days = 7, in the configuration too"
                },
            );
        }
    }
    Ok(found)
}

/// How long a log is kept, in seconds; `None` for ever.
fn kept(settings: &BTreeMap<String, String>) -> Option<i64> {
    let seconds = settings.get("binlog_expire_logs_seconds").map_or(0, |text| number(text));
    // MariaDB's may have a fraction.
    let days =
        settings.get("expire_logs_days").and_then(|text| number(text.split('.').next()?).checked_mul(DAY));
    [seconds, days.unwrap_or_default()].into_iter().find(|kept| *kept > 0)
}

/// Whether anybody reads its log.
async fn is_followed(side: Side<'_>) -> Result<bool, Error> {
    side.needs("who follows its log", &[Right::Server("PROCESS")]).await?;
    let sql = "select count(*) from information_schema.processlist where command like 'Binlog Dump%'";
    let [count] = side.one(sql).await?;
    Ok(number(&count) > 0)
}

pub(super) async fn origins(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let names = ["server_id", "server_uuid", "gtid_domain_id", "gtid_strict_mode", "gtid_mode"];
    let (here, there) = tokio::try_join!(pair.from.settings(&names), pair.to.settings(&names))?;
    let (source, target) = pair.names();
    let mut found = Vec::new();
    let mut say = |object: String, harm: String, mend: &str| found.push(Found::new(object, harm, mend));
    for (name, mend) in [
        ("server_id", "set another server_id at the target, in its configuration too"),
        ("server_uuid", "stop the target, take auto.cnf out of its folder, and start it"),
    ] {
        if let (Some(own), Some(other)) = (here.get(name), there.get(name))
            && own == other
        {
            let harm = format!("is {own} at {source} too: {target} takes what comes from there for its own");
            say(format!("{name} at {target}"), harm, mend);
        }
    }
    if let (Some(own), Some(other)) = (here.get("gtid_mode"), there.get("gtid_mode"))
        && own != other
    {
        let harm =
            format!("is {own} at {source} and {other} at {target}: no position means the same on both");
        say(
            "gtid_mode".to_owned(),
            harm,
            "set it alike on both, step by step (OFF_PERMISSIVE, ON_PERMISSIVE, ON)",
        );
    }
    let strict = [(target, &there, true), (source, &here, pair.asked.back.is_some())];
    for (at, settings, asked) in strict {
        if asked && settings.get("gtid_strict_mode").is_some_and(|mode| mode == "OFF") {
            say(
                format!("gtid_strict_mode at {at}"),
                "is off: numbers that are out of order enter its log, and positions lie".to_owned(),
                "set global gtid_strict_mode = on, in the configuration too",
            );
        }
    }
    if let (Some(own), Some(other)) = (here.get("gtid_domain_id"), there.get("gtid_domain_id"))
        && own == other
    {
        let clash = if pair.asked.back.is_some() {
            Some("both sides write in it, a marker is enough, and numbers meet: the link breaks".to_owned())
        } else {
            strangers(pair, own).await?
        };
        if let Some(clash) = clash {
            say(
                format!("gtid_domain_id at {target}"),
                format!("is {own} at {source} too; {clash}"),
                "set global gtid_domain_id to a number of its own there, in the configuration too",
            );
        }
    }
    Ok(found)
}

/// What the target has written itself in a domain of the source's that the source does not have.
async fn strangers(pair: Pair<'_>, domain: &str) -> Result<Option<String>, Error> {
    let sql = "select @@global.gtid_binlog_state, @@global.server_id";
    // The target first: what it has had from the source is there by then.
    let [there, server] = pair.to.one::<2>(sql).await?;
    let [here, _] = pair.from.one::<2>(sql).await?;
    let read = |side: Side<'_>, text: &str| {
        State::read(text).ok_or_else(|| side.broken("its GTIDs cannot be read", "check that this is MariaDB"))
    };
    let (here, there) = (read(pair.from, &here)?, read(pair.to, &there)?);
    let (Ok(domain), Ok(server)) = (domain.parse::<u32>(), server.parse::<u32>()) else {
        return Err(pair.to.broken("its numbers cannot be read", "check that this is MariaDB"));
    };
    let own = there.of_server(server).get(&domain).copied().unwrap_or_default();
    let known = here.of_server(server).get(&domain).copied().unwrap_or_default();
    Ok((own > known).then(|| {
        format!("{} wrote {domain}-{server}-{own} itself, and the source's numbers meet it", pair.to.name())
    }))
}

pub(super) async fn applying(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let names = [
        "slave_exec_mode",
        "replica_exec_mode",
        "slave_skip_errors",
        "replica_skip_errors",
        "sql_slave_skip_counter",
    ];
    let settings = pair.to.settings(&names).await?;
    let at = pair.to.name();
    let mut found = Vec::new();
    if let Some(mode) =
        renamed(&settings, "slave_exec_mode", "replica_exec_mode").filter(|m| *m == "IDEMPOTENT")
    {
        found.push(Found::new(
            format!("slave_exec_mode at {at}"),
            format!("is {mode}: rows that are missing or there already are passed over, so the sides differ unseen"),
            "set global slave_exec_mode = 'STRICT', and compare the tables",
        ));
    }
    let skipped = renamed(&settings, "slave_skip_errors", "replica_skip_errors");
    if let Some(codes) = skipped.filter(|codes| !codes.is_empty() && *codes != "OFF") {
        found.push(Found::new(
            format!("slave_skip_errors at {at}"),
            format!("is {codes}: what fails with these is left out, so the sides differ unseen"),
            "take it out of its configuration, restart, and compare the tables",
        ));
    }
    if let Some(skip) = settings.get("sql_slave_skip_counter").filter(|skip| *skip != "0") {
        found.push(Found::new(
            format!("sql_slave_skip_counter at {at}"),
            format!("is {skip}: so many events of the log are left out at the next start"),
            "set global sql_slave_skip_counter = 0",
        ));
    }
    Ok(found)
}
