//! Readiness: one function a trap, one file a theme.
//!
//! Owns which question finds which trap on MySQL and MariaDB, and the words for what was found. All of it is read; where the
//! account may see only a part of what there is, it is said which grant it lacks ([`Right`]), and never that all is well.
//! What is ours (`cutover.*`, our own account) and what is the system's is left out.
//!
//! A trap is one value of [`Trap`]: the match in [`look`] is the table of them. Names are given as the address has them: of
//! one database by their own, of all with the database before; what people are told to run has both.

mod accounts;
mod activity;
mod collations;
mod events;
mod logs;
mod numbers;
mod objects;
mod passing;
mod server;
mod settings;
mod shape;
mod tables;
mod triggers;

use std::collections::BTreeMap;

use super::Mysql;
use super::grants::{self, whole};
use super::look::scope;
use super::session::Hello;
use super::sql::{literal, quoted};
use crate::databases::link::no_such;
use crate::databases::readiness::DEFINITIONS;
use crate::databases::{Asked, Error, Found};
use crate::plan::model::Trap;

/// One end of a link.
#[derive(Clone, Copy)]
struct Side<'a> {
    db: &'a Mysql,
    trap: Trap,
}

/// Both ends of a link.
#[derive(Clone, Copy)]
struct Pair<'a> {
    from: Side<'a>,
    to: Side<'a>,
    asked: &'a Asked,
}

/// What the account needs for a look to be whole.
#[derive(Clone, Copy)]
enum Right {
    /// On the whole server.
    Server(&'static str),
    /// On the databases that are looked at.
    Data(&'static str),
    /// Reading `mysql.*`, where accounts, routines and time zones are.
    System,
}

/// What is otherwise in the definitions around the tables.
pub(super) async fn remarks(ends: (&Mysql, &Mysql), asked: &Asked) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    for trap in DEFINITIONS {
        found.extend(look(ends, trap, asked).await?);
    }
    Ok(found)
}

/// Where a trap lies.
pub(super) async fn look(
    (from, to): (&Mysql, &Mysql),
    trap: Trap,
    asked: &Asked,
) -> Result<Vec<Found>, Error> {
    let side = |db| Side { db, trap };
    let pair = Pair { from: side(from), to: side(to), asked };
    match trap {
        Trap::Keys => tables::keys(pair).await,
        Trap::Engines => tables::engines(pair).await,
        Trap::Logging => logs::logging(pair).await,
        Trap::Origins => logs::origins(pair).await,
        Trap::Applying => logs::applying(pair).await,
        Trap::ReadOnly => passing::look(pair).await,
        Trap::Events => events::look(pair).await,
        Trap::Definers => accounts::definers(pair).await,
        Trap::Sequences => numbers::look(pair).await,
        Trap::Columns => shape::columns(pair).await,
        Trap::Objects => objects::look(pair).await,
        Trap::Indexes => shape::indexes(pair).await,
        Trap::Constraints => shape::constraints(pair).await,
        Trap::Triggers => triggers::look(pair).await,
        Trap::Transactions => activity::look(pair).await,
        Trap::Collations => collations::look(pair).await,
        Trap::TimeZone => settings::time_zone(pair).await,
        Trap::Settings => settings::look(pair).await,
        Trap::Roles => accounts::look(pair).await,
        Trap::Version => server::version(pair).await,
        Trap::Connections => server::connections(pair).await,
        Trap::Subscription
        | Trap::Publication
        | Trap::Policies
        | Trap::LargeObjects
        | Trap::Unlogged
        | Trap::Slots
        | Trap::Jobs
        | Trap::Extensions
        | Trap::Encoding
        | Trap::Capacity
        | Trap::StandbySettings
        | Trap::StandbySlot
        | Trap::Conflicts => no_such(trap),
    }
}

impl<'a> Side<'a> {
    /// How people know it.
    fn name(self) -> &'a str {
        &self.db.server.address.name
    }

    fn doing(self) -> String {
        format!("looking for the trap `{}`", self.trap.key())
    }

    /// Asks one query whose columns are read by their place; what is null is empty.
    async fn texts<const N: usize>(self, sql: &str) -> Result<Vec<[String; N]>, Error> {
        let sql = sql.to_owned();
        let rows = self.db.aside(&self.doing(), move |s| Box::pin(async move { s.rows(&sql).await })).await?;
        rows.into_iter()
            .map(|row| {
                let texts: Vec<String> =
                    row.0.into_iter().map(|(_, value)| value.unwrap_or_default()).collect();
                texts.try_into().map_err(|_| {
                    self.broken("a row had other columns than asked for", "this is a fault of cutover")
                })
            })
            .collect()
    }

    /// Asks a query that gives one row.
    async fn one<const N: usize>(self, sql: &str) -> Result<[String; N], Error> {
        let mut rows = self.texts(sql).await?;
        rows.pop().ok_or_else(|| self.broken("a question of one row had none", "this is a fault of cutover"))
    }

    /// What it says of itself.
    async fn hello(self) -> Result<Hello, Error> {
        self.db.aside(&self.doing(), |s| Box::pin(async move { Ok(s.hello.clone()) })).await
    }

    /// Settings of the server by their names; one that it does not know is left out.
    async fn settings(self, names: &[&str]) -> Result<BTreeMap<String, String>, Error> {
        let list: Vec<String> = names.iter().map(|name| literal(name)).collect();
        let sql = format!("show global variables where variable_name in ({})", list.join(", "));
        Ok(self.texts::<2>(&sql).await?.into_iter().map(|[name, value]| (name, value)).collect())
    }

    /// Whether the account has what a look needs.
    ///
    /// # Errors
    /// [`Error::Broken`] names the grant that is missing.
    async fn needs(self, what: &str, rights: &[Right]) -> Result<(), Error> {
        let database = self.db.database();
        let wanted: Vec<(&str, String)> = rights
            .iter()
            .map(|right| match right {
                Right::Server(word) => (*word, "*.*".to_owned()),
                Right::Data(word) => (*word, database.as_deref().map_or("*.*".to_owned(), whole)),
                Right::System => ("SELECT", whole("mysql")),
            })
            .collect();
        let what = what.to_owned();
        self.db
            .aside(&self.doing(), move |s| Box::pin(async move { grants::need(s, &what, &wanted).await }))
            .await
    }

    /// Why nothing is known of this side.
    fn broken(self, why: impl Into<String>, next: impl Into<String>) -> Error {
        Error::broken(self.name(), why, next)
    }

    /// A condition for the databases that are looked at.
    fn scope(self, column: &str) -> String {
        scope(column, self.db.database().as_deref())
    }

    /// How something in a database is called, as an expression of two columns.
    fn shown(self, schema: &str, name: &str) -> String {
        if self.db.database().is_some() { name.to_owned() } else { format!("concat({schema}, '.', {name})") }
    }

    /// A name as it is shown, as it stands in SQL.
    fn in_sql(self, shown: &str) -> String {
        match (self.db.database(), shown.split_once('.')) {
            (Some(database), _) => format!("{}.{}", name(&database), name(shown)),
            (None, Some((database, own))) => format!("{}.{}", name(database), name(own)),
            (None, None) => name(shown),
        }
    }
}

impl<'a> Pair<'a> {
    /// Asks both sides the same.
    async fn both<const N: usize>(
        &self,
        sql: impl Fn(Side<'a>) -> String,
    ) -> Result<(Vec<[String; N]>, Vec<[String; N]>), Error> {
        let (here, there) = (sql(self.from), sql(self.to));
        tokio::try_join!(self.from.texts(&here), self.to.texts(&there))
    }

    /// What both sides' accounts need.
    async fn need(&self, what: &str, rights: &[Right]) -> Result<(), Error> {
        tokio::try_join!(self.from.needs(what, rights), self.to.needs(what, rights))?;
        Ok(())
    }

    /// Whether a table has to travel.
    fn travels(&self, table: &str) -> bool {
        !self.asked.except.iter().any(|except| except == table)
    }

    fn names(&self) -> (&'a str, &'a str) {
        (self.from.name(), self.to.name())
    }
}

/// What parts names in a list.
const BETWEEN: char = '\u{1f}';

/// By the first column.
fn by_name<const N: usize>(rows: Vec<[String; N]>) -> BTreeMap<String, [String; N]> {
    rows.into_iter().filter_map(|row| Some((row.first()?.clone(), row))).collect()
}

/// A number that a query gave as text.
fn number(text: &str) -> i64 {
    text.parse().unwrap_or_default()
}

/// One name as it stands in SQL, with quotes where it needs them.
fn name(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { name.to_owned() } else { quoted(name) }
}

/// Names in a list, as they stand in SQL.
fn listed(columns: &str) -> String {
    columns.split(BETWEEN).map(name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_quotes_where_it_needs_them() {
        assert_eq!(name("orders"), "orders");
        assert_eq!(name("Odd Table"), "`Odd Table`");
        assert_eq!(listed("a\u{1f}a key"), "a, `a key`");
    }
}
