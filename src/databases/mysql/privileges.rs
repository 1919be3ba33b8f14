//! Which accounts may write to a server that is read-only.
//!
//! Owns reading grants, roles included. A session's account is known by its user alone (the pattern of its host that let it in is not
//! shown), so any account of that user counts: rather one too many is named.
//!
//! Source: MariaDB's `read_only` and `GRANT` (READ ONLY ADMIN, which SUPER includes until 10.11), MySQL's `read_only`
//! (`SUPER`, `CONNECTION_ADMIN`); `information_schema.user_privileges`, `mysql.roles_mapping`, `mysql.role_edges`.

use std::collections::BTreeSet;

use super::connection::Problem;
use super::session::{Named, Session};
use super::sql::quoted;

/// The users and roles that may pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Passing(BTreeSet<String>);

impl Passing {
    /// Whether sessions of a user may.
    pub(super) fn may(&self, user: &str) -> bool {
        self.0.contains(user) || self.0.contains("PUBLIC")
    }

    /// Whether the account of this session may.
    pub(super) async fn ourselves(session: &mut Session) -> Result<bool, Problem> {
        let grants = session.rows("show grants").await?;
        Ok(Passing::says(grants.iter(), session.hello.mariadb, session.hello.version))
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
        let grants = session
            .rows(&format!(
                "select distinct grantee as g from information_schema.user_privileges where privilege_type in ({})",
                list.join(", ")
            ))
            .await?;
        let mut passing: BTreeSet<String> = grants.iter().map(|row| user_of(&row.text("g"))).collect();
        if mariadb {
            // MariaDB's view has accounts only.
            for row in session.rows("select user as r from mysql.user where is_role = 'Y'").await? {
                let role = row.text("r");
                let sql = format!("show grants for {}", quoted(&role));
                if Passing::says(session.rows(&sql).await?.iter(), mariadb, version) {
                    passing.insert(role);
                }
            }
        }
        let roles = match mariadb {
            true => Some("select user as u, role as r from mysql.roles_mapping"),
            false if version >= (8, 0, 0) => {
                Some("select to_user as u, from_user as r from mysql.role_edges")
            }
            false => None,
        };
        if let Some(sql) = roles {
            let held: Vec<(String, String)> =
                session.rows(sql).await?.iter().map(|row| (row.text("u"), row.text("r"))).collect();
            spread(&mut passing, &held);
        }
        Ok(Passing(passing))
    }
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

/// The user in `'user'@'host'`; a role may stand without a host.
fn user_of(grantee: &str) -> String {
    let user = grantee.rsplit_once('@').map_or(grantee, |(user, _)| user);
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
