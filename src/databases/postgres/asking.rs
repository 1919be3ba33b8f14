//! A question and its answer in one wait for the server.
//!
//! The library's own way prepares a statement, waits for that, and asks it then. Every question here is asked once, and over a
//! long way a wait is what it costs; so the types of its values are said with it.

use std::time::SystemTime;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, GenericClient, Row};

/// A value of a question, of a type that is known before the server is asked.
pub(super) trait Given: ToSql + Sync {
    /// Its type at the server.
    fn kind(&self) -> Type;

    /// Itself, as the library takes it.
    fn value(&self) -> &(dyn ToSql + Sync);
}

macro_rules! given {
    ($($of:ty => $kind:ident),+) => {
        $(impl Given for $of {
            fn kind(&self) -> Type {
                Type::$kind
            }

            fn value(&self) -> &(dyn ToSql + Sync) {
                self
            }
        })+
    };
}

given! {
    &str => TEXT,
    String => TEXT,
    Vec<String> => TEXT_ARRAY,
    Vec<&str> => TEXT_ARRAY,
    &[String] => TEXT_ARRAY,
    &[&str] => TEXT_ARRAY,
    i64 => INT8,
    Option<i64> => INT8,
    f64 => FLOAT8,
    u32 => OID,
    Option<SystemTime> => TIMESTAMPTZ
}

/// Asking in one wait, on a connection or within a transaction.
pub(super) trait Asking {
    /// Every row of the answer.
    async fn rows(&self, sql: &str, given: &[&dyn Given]) -> Result<Vec<Row>, Error>;

    /// The one row of it.
    async fn row(&self, sql: &str, given: &[&dyn Given]) -> Result<Row, Error>;

    /// The one row of it, if there is one.
    async fn row_if_any(&self, sql: &str, given: &[&dyn Given]) -> Result<Option<Row>, Error>;
}

impl<C: GenericClient + Sync> Asking for C {
    async fn rows(&self, sql: &str, given: &[&dyn Given]) -> Result<Vec<Row>, Error> {
        self.query_typed(sql, &typed(given)).await
    }

    async fn row(&self, sql: &str, given: &[&dyn Given]) -> Result<Row, Error> {
        self.query_typed_one(sql, &typed(given)).await
    }

    async fn row_if_any(&self, sql: &str, given: &[&dyn Given]) -> Result<Option<Row>, Error> {
        self.query_typed_opt(sql, &typed(given)).await
    }
}

fn typed<'a>(given: &'a [&dyn Given]) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
    given.iter().map(|given| (given.value(), given.kind())).collect()
}
