//! Readiness: one function a trap, one file a theme.
//!
//! Owns which question finds which trap, and the words for what was found. All of it is read from catalogues, in
//! transactions that can write nothing, with the rights that anybody has; where a look needs one more it says which one,
//! and never that all is well. What is ours (`cutover.*`) and what is the system's is left out.
//!
//! A trap is one value of [`Trap`]: the match in [`look`] is the table of them. Names are given without quotes, as people
//! say them; what they are told to run has quotes where it needs them.

mod activity;
mod collations;
mod extensions;
mod jobs;
mod keys;
mod logs;
mod objects;
mod roles;
mod rows;
mod security;
mod sequences;
mod server;
mod settings;
mod shape;
mod standby;
mod travels;
mod triggers;

use std::collections::BTreeMap;

use tokio_postgres::{Client, Row};

use super::Postgres;
use super::asking::{Asking as _, Given};
use super::connection::{Manners, Problem};
use super::sql::quoted;
use crate::databases::link::no_such;
use crate::databases::readiness::DEFINITIONS;
use crate::databases::{Asked, Error, Found};
use crate::plan::model::Trap;

/// One end of a link.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) db: &'a Postgres,
    trap: Trap,
}

/// Both ends of a link.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    from: Side<'a>,
    to: Side<'a>,
    between: Between<'a>,
    asked: &'a Asked,
}

/// What lies between both ends.
#[derive(Clone, Copy)]
pub(super) enum Between<'a> {
    /// A subscription, known by its slot.
    Subscription(&'a str),
    /// The target is a standby: one system with its primary.
    Standby,
    /// Nothing that we know of.
    Nothing,
}

/// What is otherwise in the definitions around the tables, where nothing is known to lie between two servers.
pub(super) async fn remarks(ends: (&Postgres, &Postgres), asked: &Asked) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    for trap in DEFINITIONS {
        found.extend(look(ends, Between::Nothing, trap, asked).await?);
    }
    Ok(found)
}

/// Where a trap lies.
pub(super) async fn look(
    (from, to): (&Postgres, &Postgres),
    between: Between<'_>,
    trap: Trap,
    asked: &Asked,
) -> Result<Vec<Found>, Error> {
    let side = |db| Side { db, trap };
    let pair = Pair { from: side(from), to: side(to), between, asked };
    match trap {
        Trap::Keys => keys::look(pair).await,
        Trap::Sequences => sequences::look(pair).await,
        Trap::Subscription => travels::subscription(pair).await,
        Trap::Publication => travels::publication(pair).await,
        Trap::Columns => shape::columns(pair).await,
        Trap::Objects => objects::look(pair).await,
        Trap::Indexes => shape::indexes(pair).await,
        Trap::Constraints => shape::constraints(pair).await,
        Trap::Triggers => triggers::look(pair).await,
        Trap::Policies => security::look(pair).await,
        Trap::LargeObjects => rows::large_objects(pair).await,
        Trap::Unlogged => rows::unlogged(pair).await,
        Trap::Transactions => activity::look(pair).await,
        Trap::Slots => logs::slots(pair).await,
        Trap::Jobs => jobs::look(pair).await,
        Trap::Extensions => extensions::look(pair).await,
        Trap::Collations => collations::look(pair).await,
        Trap::Encoding => server::encoding(pair).await,
        Trap::TimeZone => settings::time_zone(pair).await,
        Trap::Settings => settings::look(pair).await,
        Trap::Roles => roles::look(pair).await,
        Trap::Version => server::version(pair).await,
        Trap::Connections => server::connections(pair).await,
        Trap::Capacity => logs::capacity(pair).await,
        Trap::StandbySettings => standby::settings(pair).await,
        Trap::StandbySlot => standby::slot(pair).await,
        Trap::Conflicts => standby::conflicts(pair).await,
        Trap::Engines
        | Trap::Logging
        | Trap::Origins
        | Trap::Applying
        | Trap::ReadOnly
        | Trap::Events
        | Trap::Definers => no_such(trap),
    }
}

impl Side<'_> {
    /// How people know it.
    fn name(&self) -> &str {
        &self.db.server.name
    }

    /// Asks one query whose columns are all texts, and not null.
    ///
    /// Names and definitions come in full, whatever the account's own path is: none of people's schemas is in it.
    async fn texts<const N: usize>(
        &self,
        sql: &str,
        given: &[&dyn Given],
    ) -> Result<Vec<[String; N]>, Error> {
        self.db.aside(&self.doing(), async |client| read(client, sql, given).await).await
    }

    /// The same over a new connection: what is set for a database or a role holds for sessions that begin after it.
    async fn afresh<const N: usize>(
        &self,
        sql: &str,
        given: &[&dyn Given],
    ) -> Result<Vec<[String; N]>, Error> {
        self.db.apart(&self.doing(), Manners::Ours, async |client| read(client, sql, given).await).await
    }

    fn doing(&self) -> String {
        format!("looking for the trap `{}`", self.trap.key())
    }

    /// Asks a query that gives one row.
    async fn one<const N: usize>(&self, sql: &str, given: &[&dyn Given]) -> Result<[String; N], Error> {
        let mut rows = self.texts(sql, given).await?;
        rows.pop().ok_or_else(|| self.broken("a question of one row had none", "this is a fault of cutover"))
    }

    /// Why nothing is known of this side.
    fn broken(&self, why: impl Into<String>, next: impl Into<String>) -> Error {
        Error::broken(self.name(), why, next)
    }

    /// That the account may see what others do: `what` is that.
    async fn sees_others(&self, what: &str) -> Result<(), Error> {
        let may = "select pg_has_role(current_user, 'pg_read_all_stats', 'usage')::text";
        if self.one(may, &[]).await? == ["true"] {
            return Ok(());
        }
        Err(self.lacks(what, "pg_read_all_stats").await?)
    }

    /// What the account may not see.
    async fn lacks(&self, what: &str, role: &str) -> Result<Error, Error> {
        let [account] = self.one("select current_user::text", &[]).await?;
        Ok(self.broken(
            format!("{} may not see {what}", in_sql(&account)),
            format!("grant {role} to {}", in_sql(&account)),
        ))
    }
}

impl Pair<'_> {
    /// Asks both sides the same.
    async fn both<const N: usize>(
        &self,
        sql: &str,
        given: &[&dyn Given],
    ) -> Result<(Vec<[String; N]>, Vec<[String; N]>), Error> {
        tokio::try_join!(self.from.texts(sql, given), self.to.texts(sql, given))
    }

    /// Whether a table has to travel.
    fn travels(&self, table: &str) -> bool {
        !self.asked.except.iter().any(|except| except == table)
    }

    /// Whether both ends are one system, with one catalogue.
    fn is_standby(&self) -> bool {
        matches!(self.between, Between::Standby)
    }

    /// The name by which the subscription is known; no subscription has an empty one.
    fn slot(&self) -> &str {
        match self.between {
            Between::Subscription(slot) => slot,
            Between::Standby | Between::Nothing => "",
        }
    }
}

async fn read<const N: usize>(
    client: &mut Client,
    sql: &str,
    given: &[&dyn Given],
) -> Result<Vec<[String; N]>, Problem> {
    // The server takes them in this order, and nobody waits for the answer to one before the next is sent: each wait is as long
    // as the way there and back. Of a transaction that has failed `commit` makes a rollback.
    let (begun, rows, ended) = tokio::join!(biased;
        client.batch_execute("begin read only; set local search_path = pg_catalog"),
        client.rows(sql, given),
        client.batch_execute("commit")
    );
    begun?;
    let rows = rows?;
    ended?;
    rows.iter().map(texts).collect()
}

fn texts<const N: usize>(row: &Row) -> Result<[String; N], Problem> {
    let all = (0..N).map(|i| row.try_get(i)).collect::<Result<Vec<String>, _>>()?;
    all.try_into()
        .map_err(|_| Problem::broken("a row had fewer columns than asked for", "this is a fault of cutover"))
}

/// By the first column.
fn by_name<const N: usize>(rows: Vec<[String; N]>) -> BTreeMap<String, [String; N]> {
    rows.into_iter().filter_map(|row| Some((row.first()?.clone(), row))).collect()
}

/// A number that a query gave as text.
fn number(text: &str) -> i64 {
    text.parse().unwrap_or_default()
}

/// A name as it stands in SQL, with quotes where it needs them; a dot parts a schema from what is in it.
fn in_sql(name: &str) -> String {
    let plain = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let part = |part: &str| if plain(part) { part.to_owned() } else { quoted(part) };
    match name.split_once('.') {
        Some((schema, name)) => format!("{}.{}", part(schema), part(name)),
        None => part(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_quotes_where_it_needs_them() {
        assert_eq!(in_sql("public.orders"), "public.orders");
        assert_eq!(in_sql("public.Orders 2"), "public.\"Orders 2\"");
        assert_eq!(in_sql("app-role"), "\"app-role\"");
    }
}
