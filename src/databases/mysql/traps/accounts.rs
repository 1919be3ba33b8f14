//! Accounts: who may do what at the source and cannot at the target, and in whose name things run that nobody has there.
//!
//! An account counts where it may touch the databases that are looked at, itself or by a role. A wider grant covers a narrower one.
//! The server's own accounts and ours are left out: a managed server has others. Passwords cannot be compared: a login of each
//! account proves them.
//!
//! Source: `mysql.user`, `SHOW GRANTS FOR`; `information_schema.views`, `.triggers`, `.routines`, `.events` for definers.

use std::collections::{BTreeMap, BTreeSet};

use super::{Pair, Right, Side, name};
use crate::databases::mysql::grants::{Grants, OF_DATA, whole};
use crate::databases::mysql::sql::literal;
use crate::databases::{Error, Found};

/// Users that a server comes with.
pub(super) const SYSTEM: &[&str] = &[
    "",
    "root",
    "mysql",
    "mariadb.sys",
    "mysql.sys",
    "mysql.session",
    "mysql.infoschema",
    "debian-sys-maint",
    "rdsadmin",
    "cloudsqladmin",
    "azure_superuser",
    "PUBLIC",
];
/// There is no such grant: the account went away between the list and the look.
const GONE: u16 = 1141;

/// Every account and role as it stands in SQL, with what it may.
async fn granted(side: Side<'_>) -> Result<BTreeMap<String, Grants>, Error> {
    let mariadb = side.hello().await?.mariadb;
    let roles = if mariadb { "is_role" } else { "'N'" };
    let users = side
        .texts::<4>(&format!(
            "select user, host, {roles}, substring_index(current_user(), '@', 1) from mysql.user order by 1, 2"
        ))
        .await?;
    let accounts: Vec<String> = users
        .into_iter()
        .filter(|[user, .., ours]| !SYSTEM.contains(&user.as_str()) && user != ours)
        .map(|[user, host, role, _]| in_sql(&user, &host, role == "Y"))
        .collect();
    side.db
        .aside(&side.doing(), move |s| {
            Box::pin(async move {
                let mut granted = BTreeMap::new();
                for account in accounts {
                    let rows = match s.rows(&format!("show grants for {account}")).await {
                        Err(why) if why.number() == Some(GONE) => continue,
                        rows => rows?,
                    };
                    granted.insert(account, Grants::of(&rows));
                }
                Ok(granted)
            })
        })
        .await
}

fn in_sql(user: &str, host: &str, role: bool) -> String {
    if role { name(user) } else { format!("{}@{}", literal(user), literal(host)) }
}

/// The privileges of an account that concern what is looked at: where they hold, and what.
fn of_ours(grants: &Grants, database: Option<&str>) -> Vec<(String, String)> {
    let prefix = database.map(|database| whole(database).trim_end_matches('*').to_owned());
    let mut all = Vec::new();
    for (on, what) in &grants.on {
        let object = on.rsplit_once(' ').map_or(on.as_str(), |(_, object)| object);
        let ours = on == "*.*" || prefix.as_ref().is_none_or(|prefix| object.starts_with(prefix));
        if !ours || object.starts_with("`cutover`.") || object.starts_with("`mysql`.") {
            continue;
        }
        for privilege in what {
            let plain = privilege.split(" (").next().unwrap_or(privilege);
            if privilege == "ALL PRIVILEGES" && on.contains(' ') {
                all.push((on.clone(), "EXECUTE".to_owned()));
            } else if privilege == "ALL PRIVILEGES" {
                all.extend(OF_DATA.iter().map(|one| (on.clone(), (*one).to_owned())));
            } else if OF_DATA.contains(&plain) {
                all.push((on.clone(), privilege.clone()));
            }
        }
    }
    all
}

pub(super) async fn look(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    pair.need("the accounts", &[Right::System]).await?;
    let (here, there) = tokio::try_join!(granted(pair.from), granted(pair.to))?;
    let (source, target) = pair.names();
    let database = pair.from.db.database();
    let mut found = Vec::new();
    for (account, grants) in &here {
        let (wanted, is_role) = (of_ours(grants, database.as_deref()), !account.contains("'@'"));
        if wanted.is_empty() && grants.roles.is_empty() {
            continue;
        }
        let kind = if is_role { "role" } else { "account" };
        let object = format!("{kind} {account}");
        let Some(theirs) = there.get(account) else {
            let make = if is_role { "create role" } else { "create user" };
            found.push(Found::new(
                object,
                format!("does not exist at {target}: whoever comes by it is refused"),
                format!(
                    "{make} {account} there, with its password and grants (show create user, show grants)"
                ),
            ));
            continue;
        };
        let mut lacking: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (on, privilege) in wanted {
            if !theirs.covers(&privilege, &on) {
                lacking.entry(on).or_default().push(privilege);
            }
        }
        for (on, what) in lacking {
            let what = what.join(", ");
            found.push(Found::new(
                format!("{object} on {}", on.replace('`', "")),
                format!("may {what} at {source} and not at {target}"),
                format!("grant {what} on {on} to {account} there"),
            ));
        }
        for role in grants.roles.difference(&theirs.roles) {
            found.push(Found::new(
                object.clone(),
                format!("has the role {role} at {source} and not at {target}"),
                format!("grant {role} to {account} there"),
            ));
        }
    }
    Ok(found)
}

pub(super) async fn definers(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let rights = [
        Right::System,
        Right::Data("SELECT"),
        Right::Data("SHOW VIEW"),
        Right::Data("TRIGGER"),
        Right::Data("EVENT"),
    ];
    pair.need("every definer", &rights).await?;
    let side = pair.from;
    let each = [
        ("view", "views", "table_schema", "table_name"),
        ("trigger", "triggers", "trigger_schema", "trigger_name"),
        ("routine", "routines", "routine_schema", "routine_name"),
        ("event", "events", "event_schema", "event_name"),
    ]
    .map(|(kind, table, schema, name)| {
        format!(
            "select definer, '{kind}', {} from information_schema.{table} where {}",
            side.shown(schema, name),
            side.scope(schema)
        )
    });
    let objects = side.texts::<3>(&format!("{} order by 1, 2, 3", each.join(" union all "))).await?;
    let (known, arrived) =
        pair.both::<1>(|_| "select concat(user, '@', host) from mysql.user".to_owned()).await?;
    let known: BTreeSet<String> = known.into_iter().map(|[account]| account).collect();
    let arrived: BTreeSet<String> = arrived.into_iter().map(|[account]| account).collect();
    let mut missing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for [definer, kind, object] in objects {
        // A role has no host.
        let account = if definer.contains('@') { definer.clone() } else { format!("{definer}@") };
        // One that is nobody's at the source either has stopped working long ago.
        if known.contains(&account) && !arrived.contains(&account) {
            missing.entry(definer).or_default().push(format!("{kind} {object}"));
        }
    }
    let target = pair.to.name();
    Ok(missing
        .into_iter()
        .map(|(definer, objects)| {
            let (user, host) = definer.rsplit_once('@').unwrap_or((&definer, ""));
            let account = in_sql(user, host, host.is_empty());
            Found::new(
                format!("definer {definer}"),
                format!(
                    "does not exist at {target}, and {} run in its name: they fail there",
                    some(&objects)
                ),
                format!("create user {account} there with its grants, or give them another definer"),
            )
        })
        .collect())
}

/// The first few of many.
fn some(objects: &[String]) -> String {
    let first = objects.iter().take(2).cloned().collect::<Vec<_>>().join(", ");
    match objects.len().saturating_sub(2) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_touches_peoples_data_counts() {
        let grants = Grants::read(
            [
                "GRANT PROCESS, REPLICATION SLAVE ON *.* TO `x`@`%`",
                "GRANT SELECT, GRANT OPTION ON `shop`.* TO `x`@`%`",
                "GRANT ALL PRIVILEGES ON `cutover`.* TO `x`@`%`",
                "GRANT INSERT ON `other`.`t` TO `x`@`%`",
            ]
            .into_iter(),
        );
        assert_eq!(of_ours(&grants, Some("shop")), [("`shop`.*".to_owned(), "SELECT".to_owned())]);
        assert_eq!(of_ours(&grants, None).len(), 2);
        assert_eq!(in_sql("app", "%", false), "'app'@'%'");
        assert_eq!(in_sql("clerks", "", true), "clerks");
        let many: Vec<String> = ["view a", "view b", "view c"].map(str::to_owned).into();
        assert_eq!(some(&many), "view a, view b and 1 more");
    }
}
