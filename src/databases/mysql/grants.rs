//! Grants, as `show grants` writes them.
//!
//! Owns reading them, what a wider one covers, and saying which one our account lacks: a catalogue shows everybody only what they
//! may see, without a word of the rest. Refuses to keep anything of a line but privileges and where they hold: a line
//! may hold the hash of a password.
//!
//! Source: MariaDB's and MySQL's `SHOW GRANTS`; MySQL shows what roles give only with `USING`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::connection::Problem;
use super::session::{Named, Session, value};
use super::sql::quoted;

/// What is asked for the grants of our own account.
pub(super) const OWN: &str = "show grants";

/// For so long an answer is as good as a new one: the look that it is for takes longer itself.
const MOMENT: Duration = Duration::from_secs(1);

/// What `ALL PRIVILEGES` gives of what applications use.
pub(super) const OF_DATA: &[&str] = &[
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "CREATE",
    "DROP",
    "ALTER",
    "INDEX",
    "REFERENCES",
    "EXECUTE",
    "CREATE VIEW",
    "SHOW VIEW",
    "TRIGGER",
    "EVENT",
    "LOCK TABLES",
    "CREATE TEMPORARY TABLES",
    "CREATE ROUTINE",
    "ALTER ROUTINE",
];

/// What one account or role may.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Grants {
    /// Privileges by where they hold: `*.*`, `` `shop`.* ``, `` `shop`.`orders` ``.
    pub(super) on: BTreeMap<String, BTreeSet<String>>,
    /// The roles that it has.
    pub(super) roles: BTreeSet<String>,
}

impl Grants {
    /// Reads an answer.
    pub(super) fn of(rows: &[Named]) -> Grants {
        Grants::read(rows.iter().flat_map(|row| row.0.iter().filter_map(|(_, line)| line.as_deref())))
    }

    /// Reads lines.
    pub(super) fn read<'l>(lines: impl Iterator<Item = &'l str>) -> Grants {
        let mut grants = Grants::default();
        for line in lines {
            let Some(rest) = line.strip_prefix("GRANT ") else { continue };
            if let Some((what, place)) = rest.split_once(" ON ") {
                // The object ends before the grantee, whose name may be anything.
                let place = place.split(" TO ").next().unwrap_or(place).replace("\\_", "_");
                grants.on.entry(place).or_default().extend(parted(what));
            } else {
                let roles = rest.split_once(" TO ").map_or(rest, |(roles, _)| roles);
                grants.roles.extend(parted(roles));
            }
        }
        grants
    }

    /// Whether a privilege holds somewhere, be it by a wider grant.
    pub(super) fn covers(&self, privilege: &str, on: &str) -> bool {
        let object = on.rsplit_once(' ').map_or(on, |(_, object)| object);
        let database = object.split_once("`.").map(|(database, _)| format!("{database}`.*"));
        let holds = |place: &str| {
            self.on.get(place).is_some_and(|all| {
                let whole = privilege.split(" (").next().unwrap_or(privilege);
                all.contains(privilege) || all.contains(whole) || all.contains("ALL PRIVILEGES")
            })
        };
        holds(on) || holds("*.*") || database.as_deref().is_some_and(holds)
    }
}

/// What commas part, but for those in brackets.
fn parted(text: &str) -> Vec<String> {
    let (mut parts, mut depth, mut part) = (Vec::new(), 0_u32, String::new());
    for c in text.chars() {
        match c {
            '(' => depth = depth.saturating_add(1),
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(std::mem::take(&mut part).trim().to_owned());
                continue;
            }
            _ => {}
        }
        part.push(c);
    }
    parts.push(part.trim().to_owned());
    parts
}

/// All that is in a database, as grants write it.
pub(super) fn whole(database: &str) -> String {
    format!("{}.*", quoted(database))
}

/// Whether our account has privileges, each with where it has to hold. `what` it is that cannot be seen without them.
///
/// # Errors
/// Names the first grant that is missing.
pub(super) async fn need(
    session: &mut Session,
    what: &str,
    wanted: &[(&str, String)],
) -> Result<(), Problem> {
    let own = ours(session).await?;
    let account = &own.account;
    match wanted.iter().find(|(word, on)| !own.grants.covers(word, on)) {
        None => Ok(()),
        Some((word, on)) => Err(Problem::broken(
            format!("{account} may not see {what}"),
            format!("grant {word} on {on} to {account}"),
        )),
    }
}

/// An account, and what it may.
#[derive(Debug)]
pub(super) struct Own {
    /// As it stands in SQL.
    pub(super) account: String,
    pub(super) grants: Grants,
}

/// Our own account. Looks that follow one another at once hear of the first one's answer.
pub(super) async fn ours(session: &mut Session) -> Result<Arc<Own>, Problem> {
    if let Some((own, at)) = &session.own
        && at.elapsed() < MOMENT
    {
        return Ok(Arc::clone(own));
    }
    let has_roles = !session.hello.mariadb && session.hello.version >= (8, 0, 0);
    let roles = if has_roles { session.value("select current_role()").await? } else { None };
    let shown = match roles.as_deref() {
        None | Some("NONE") => OWN.to_owned(),
        Some(roles) => format!("{OWN} for current_user() using {roles}"),
    };
    let [grants, account] = session.several([&shown, "select current_user()"]).await?;
    let account = value(account).unwrap_or_default();
    let account = match account.rsplit_once('@') {
        Some((user, host)) => format!("'{user}'@'{host}'"),
        None => account,
    };
    let own = Arc::new(Own { account, grants: Grants::of(&grants) });
    session.own = Some((Arc::clone(&own), Instant::now()));
    Ok(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Grants {
        Grants::read(lines.iter().copied())
    }

    #[test]
    fn a_wider_grant_covers_a_narrower_one() {
        let grants = read(&[
            "GRANT USAGE ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD '*0123'",
            "GRANT SELECT, INSERT (`a`, `b`) ON `my\\_shop`.* TO `app`@`%`",
            "GRANT EXECUTE ON PROCEDURE `my_shop`.`pay` TO `app`@`%`",
            "GRANT `clerks` TO `app`@`%`",
        ]);
        assert!(grants.covers("SELECT", "`my_shop`.*") && grants.covers("SELECT", "`my_shop`.`orders`"));
        assert!(grants.covers("SELECT (`a`)", "`my_shop`.`orders`"));
        assert!(grants.covers("INSERT (`a`, `b`)", "`my_shop`.*") && !grants.covers("INSERT", "`my_shop`.*"));
        assert!(!grants.covers("SELECT", "*.*") && !grants.covers("SELECT", "`other`.*"));
        assert!(grants.covers("EXECUTE", "PROCEDURE `my_shop`.`pay`"));
        assert_eq!(grants.roles.into_iter().collect::<Vec<_>>(), ["`clerks`"]);
        assert!(!format!("{:?}", grants.on).contains("0123"));
        let all = read(&["GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION"]);
        assert!(all.covers("TRIGGER", "`shop`.*") && all.covers("EXECUTE", "PROCEDURE `shop`.`p`"));
    }
}
