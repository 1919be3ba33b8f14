//! Who writes where nobody should: a target that takes writes, and who no fence holds back.
//!
//! The administrator that every server comes with, the system's accounts and our own are left out, and so is an account that is
//! locked: nobody comes by it, though a procedure may run in its name. A user is named once a side, whatever its hosts.
//!
//! Source: as [`privileges`](crate::databases::mysql::privileges).

use super::accounts::SYSTEM;
use super::{Pair, Right};
use crate::databases::mysql::privileges::{Passing, logins, procedures};
use crate::databases::{Error, Found};

pub(super) async fn look(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    pair.need("which accounts may pass", &[Right::System]).await?;
    let mut found = Vec::new();
    let target = pair.to.name();
    let [open] = pair.to.one("select @@global.read_only").await?;
    if open == "0" {
        found.push(Found::new(
            format!("read_only at {target}"),
            "is off: whatever is pointed there writes to it while it is fed, and the sides part",
            "set global read_only = on there until it is opened, in its configuration too",
        ));
    }
    for side in [pair.from, pair.to] {
        let at = side.name();
        let (passing, logins, procedures) = side
            .db
            .aside(&side.doing(), |s| {
                Box::pin(async move {
                    let passing = Passing::read(s).await?;
                    let procedures = procedures(s, &passing).await?;
                    Ok((passing, logins(s).await?, procedures))
                })
            })
            .await?;
        let [ours] = side.one("select substring_index(current_user(), '@', 1)").await?;
        for user in passing.all() {
            if !logins.contains(user) || *user == ours || SYSTEM.contains(&user.as_str()) {
                continue;
            }
            found.push(Found::new(
                format!("account {user} at {at}"),
                "may write although the server is read-only: no fence holds it back",
                "revoke READ ONLY ADMIN and SUPER (MySQL: CONNECTION_ADMIN, SUPER), or stop what uses it",
            ));
        }
        for one in procedures {
            let mend = if one.kind == "procedure" {
                format!("alter procedure {} sql security invoker, or give it another definer", one.name)
            } else {
                "make it anew with another definer, or revoke execute on it".to_owned()
            };
            found.push(Found::new(
                format!("{} {} at {at}", one.kind, one.name),
                format!("{}: no fence holds that back", one.harm()),
                mend,
            ));
        }
    }
    Ok(found)
}
