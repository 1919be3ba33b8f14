//! Which accounts may write to a server that is read-only, themselves or by procedures.
//!
//! Owns reading grants, roles included. A session's account is known by its user alone (the pattern of its host that let it in is not
//! shown), so any account of that user counts: rather one too many is named.
//!
//! What a procedure does with `SQL SECURITY DEFINER` its definer does: `read_only` lets its writes through where that one may
//! pass, whoever calls it. Functions, triggers and views hand nothing on: the statement that they are part of is refused before.
//!
//! Source: MariaDB's `read_only` and `GRANT` (READ ONLY ADMIN, which SUPER includes until 10.11), MySQL's `read_only`
//! (`SUPER`, `CONNECTION_ADMIN`); `information_schema.user_privileges`, `.routines`, `mysql.roles_mapping`, `mysql.role_edges`,
//! `mysql.db`, `mysql.procs_priv`; what passes by a definer was tried on MariaDB 10.11.

use std::collections::{BTreeMap, BTreeSet};

use super::connection::Problem;
use super::session::{Named, Session};
use super::sql::{SYSTEM, quoted};

/// The users and roles that may pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Passing(BTreeSet<String>);

impl Passing {
    /// Whether sessions of a user may.
    pub(super) fn may(&self, user: &str) -> bool {
        self.0.contains(user) || self.0.contains("PUBLIC")
    }

    /// The users, and the roles among them.
    pub(super) fn all(&self) -> impl Iterator<Item = &String> {
        self.0.iter()
    }

    /// Whether the account of this session may, by the answer to [`super::grants::OWN`].
    pub(super) fn ours(session: &Session, grants: &[Named]) -> bool {
        Passing::says(grants.iter(), session.hello.mariadb, session.hello.version)
    }

    /// Whether grants as `show grants` writes them have the privilege.
    fn says<'a>(grants: impl Iterator<Item = &'a Named>, mariadb: bool, version: (u16, u16, u16)) -> bool {
        let words = words(mariadb, version);
        let texts = grants.flat_map(|row| row.0.iter().filter_map(|(_, text)| text.as_deref()));
        let everywhere = texts.filter_map(|text| text.split_once(" ON *.* ").map(|(what, _)| what));
        everywhere
            .flat_map(|what| what.trim_start_matches("GRANT ").split(','))
            .any(|one| words.contains(&one.trim()) || one.trim() == "ALL PRIVILEGES")
    }

    /// Reads the grants.
    ///
    /// # Errors
    /// The account may not read them: it needs SELECT on `mysql.*`.
    pub(super) async fn read(session: &mut Session) -> Result<Passing, Problem> {
        let (mariadb, version) = (session.hello.mariadb, session.hello.version);
        let list: Vec<String> = words(mariadb, version).iter().map(|word| format!("'{word}'")).collect();
        let grants = format!(
            "select distinct grantee as g from information_schema.user_privileges where privilege_type in ({})",
            list.join(", ")
        );
        // MariaDB's view has accounts only.
        let roles = if mariadb { "select user as r from mysql.user where is_role = 'Y'" } else { NOBODY };
        let [grants, roles, held] = session.several([&grants, roles, held_in(session)]).await?;
        let mut passing: BTreeSet<String> = grants.iter().map(|row| user_of(&row.text("g"))).collect();
        for role in roles.iter().map(|row| row.text("r")) {
            let sql = format!("show grants for {}", quoted(&role));
            if Passing::says(session.rows(&sql).await?.iter(), mariadb, version) {
                passing.insert(role);
            }
        }
        spread(&mut passing, &pairs(&held));
        Ok(Passing(passing))
    }
}

/// The users that may log in: an account that is locked may not, and a role is none.
///
/// # Errors
/// As [`Passing::read`].
pub(super) async fn logins(session: &mut Session) -> Result<BTreeSet<String>, Problem> {
    let sql = if session.hello.mariadb {
        "select distinct user as u from mysql.global_priv
         where not ifnull(json_value(priv, '$.is_role'), 0) and not ifnull(json_value(priv, '$.account_locked'), 0)"
    } else {
        "select distinct user as u from mysql.user where account_locked = 'N'"
    };
    Ok(session.rows(sql).await?.iter().map(|row| row.text("u")).collect())
}

/// A procedure of MariaDB's by which somebody writes to a read-only server who may not do so otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Procedure {
    /// What it is: a procedure, or a package of them.
    pub(super) kind: &'static str,
    /// Its database and name.
    pub(super) name: String,
    /// In whose name it runs.
    pub(super) definer: String,
    /// Who may call it, in words.
    pub(super) callers: String,
}

impl Procedure {
    /// What is wrong with it; goes on from its name.
    pub(super) fn harm(&self) -> String {
        format!("runs as {}, who may pass read_only, and {} may call it", self.definer, self.callers)
    }
}

/// Procedures with `SQL SECURITY DEFINER` whose definer may pass and that somebody may call who may not; ours are left out.
/// None on MySQL, whose seal holds them back.
///
/// # Errors
/// As [`Passing::read`].
pub(super) async fn procedures(session: &mut Session, passing: &Passing) -> Result<Vec<Procedure>, Problem> {
    if !session.hello.mariadb {
        return Ok(Vec::new());
    }
    // The name of a database is a pattern where a grant is for all that is in it.
    let sql = format!(
        "select r.routine_schema as d, r.routine_name as n, r.routine_type as kind, r.definer as definer, g.u as u
         from information_schema.routines r join (
           select user as u, '%' as d, null as p from mysql.user where execute_priv = 'Y'
           union select user, db, null from mysql.db where execute_priv = 'Y'
           union select user, db, routine_name from mysql.procs_priv where find_in_set('Execute', proc_priv)
         ) g on if(g.p is null, r.routine_schema like g.d, r.routine_schema = g.d and r.routine_name = g.p)
         where r.routine_type in ('PROCEDURE', 'PACKAGE BODY') and r.security_type = 'DEFINER'
           and r.routine_schema not in ({SYSTEM})"
    );
    let mut found: BTreeMap<(String, String, String), BTreeSet<String>> = BTreeMap::new();
    for row in session.rows(&sql).await? {
        let definer = user(&row.text("definer")).to_owned();
        if passing.may(&definer) {
            let name = format!("{}.{}", row.text("d"), row.text("n"));
            found.entry((name, row.text("kind"), definer)).or_default().insert(row.text("u"));
        }
    }
    if found.is_empty() {
        return Ok(Vec::new());
    }
    // One that is locked, too: another procedure may run in its name, and call this one.
    let accounts = "select distinct user as u from mysql.user where is_role = 'N'";
    let [accounts, held] = session.several([accounts, held_in(session)]).await?;
    let accounts: BTreeSet<String> = accounts.iter().map(|row| row.text("u")).collect();
    let held = pairs(&held);
    let callers = |mut may: BTreeSet<String>| {
        if may.contains("PUBLIC") {
            return Some("everybody".to_owned());
        }
        spread(&mut may, &held);
        let others: Vec<String> =
            may.into_iter().filter(|user| accounts.contains(user) && !passing.may(user)).collect();
        (!others.is_empty()).then(|| others.join(", "))
    };
    Ok(found
        .into_iter()
        .filter_map(|((name, kind, definer), may)| {
            let kind = if kind == "PROCEDURE" { "procedure" } else { "package" };
            Some(Procedure { kind, name, definer, callers: callers(may)? })
        })
        .collect())
}

/// A question whose answer is nobody.
const NOBODY: &str = "select null as u, null as r from dual where false";

/// The question for who holds which role.
fn held_in(session: &Session) -> &'static str {
    match session.hello.mariadb {
        true => "select user as u, role as r from mysql.roles_mapping",
        false if session.hello.version >= (8, 0, 0) => {
            "select to_user as u, from_user as r from mysql.role_edges"
        }
        false => NOBODY,
    }
}

/// … and its answer.
fn pairs(held: &[Named]) -> Vec<(String, String)> {
    held.iter().map(|row| (row.text("u"), row.text("r"))).collect()
}

/// What it takes.
fn words(mariadb: bool, version: (u16, u16, u16)) -> &'static [&'static str] {
    match mariadb {
        true if version >= (10, 11, 0) => &["READ_ONLY ADMIN", "READ ONLY ADMIN"],
        true => &["READ_ONLY ADMIN", "READ ONLY ADMIN", "SUPER"],
        false => &["SUPER", "CONNECTION_ADMIN"],
    }
}

/// Who holds a role that may pass may, too.
fn spread(passing: &mut BTreeSet<String>, held: &[(String, String)]) {
    loop {
        let before = passing.len();
        let more: Vec<String> =
            held.iter().filter(|(_, role)| passing.contains(role)).map(|(user, _)| user.clone()).collect();
        passing.extend(more);
        if passing.len() == before {
            return;
        }
    }
}

/// The user in `user@host`; a role has no host.
pub(super) fn user(account: &str) -> &str {
    account.rsplit_once('@').map_or(account, |(user, _)| user)
}

/// … and in `'user'@'host'`.
fn user_of(grantee: &str) -> String {
    let user = user(grantee);
    user.strip_prefix('\'').and_then(|u| u.strip_suffix('\'')).unwrap_or(user).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_hands_on_what_it_may() {
        assert_eq!(user_of("'app'@'%'"), "app");
        assert_eq!(user_of("'a@b'@'localhost'"), "a@b");
        assert_eq!(user_of("operator"), "operator");
        let mut passing = BTreeSet::from(["dba".to_owned()]);
        let held =
            [("ada", "lead"), ("lead", "dba"), ("bob", "staff")].map(|(u, r)| (u.to_owned(), r.to_owned()));
        spread(&mut passing, &held);
        assert_eq!(passing.into_iter().collect::<Vec<_>>(), ["ada", "dba", "lead"]);
    }
}
