//! The shop's tables and the rows that it starts with, the same on both sides to the last bit.
//!
//! The rows are made from nothing but their numbers, so that two databases that were never copied from
//! each other hold the same; each keeps an identity of its own.

use std::path::Path;

use rusqlite::{Connection, Transaction, params};

use super::{Side, WorldError, files};
use crate::clock::Timestamp;
use crate::databases::sqlite::convention;

/// The tables that are replicated and compared. `environment` is not: it says which side this is.
pub(super) const TABLES: [&str; 5] = ["customers", "products", "orders", "order_lines", "payments"];

/// How many customers there are; their ids run from 1.
pub(super) const CUSTOMERS: u64 = 500;
/// How many products there are; their ids run from 1.
pub(super) const PRODUCTS: u64 = 400;
/// How many orders were placed before the demo began.
const EARLIER_ORDERS: u64 = 1500;

const SCHEMA: &str = "
create table environment (name text primary key) strict;
create table customers (
  id integer primary key,
  name text not null,
  email text not null,
  town text not null
) strict;
create table products (
  id integer primary key,
  name text not null,
  price_cents integer not null,
  priced_ms integer not null
) strict;
create table orders (
  id text primary key,
  customer_id integer not null,
  placed_ms integer not null,
  total_cents integer not null
) strict;
create table order_lines (
  order_id text not null,
  line integer not null,
  product_id integer not null,
  quantity integer not null,
  price_cents integer not null,
  primary key (order_id, line)
) strict, without rowid;
-- An order is paid once: its id is the attempt's, not the order's, so that an order taken twice shows.
create table payments (
  id text primary key,
  order_id text not null,
  amount_cents integer not null
) strict;
create index payments_by_order on payments (order_id);
";

const NAMES: [&str; 8] = ["Ana", "Bo", "Chidi", "Dunja", "Emre", "Farah", "Goro", "Hanne"];
const TOWNS: [&str; 5] = ["Bilbao", "Turku", "Lagos", "Osaka", "Lima"];
const THINGS: [&str; 6] = ["kettle", "lamp", "notebook", "chair", "bicycle bell", "teapot"];

/// Makes a side's database at `path`, where nothing may stand yet. The target comes up sealed: it takes
/// no writes but the replicator's until somebody opens it.
pub(super) fn make(path: &Path, side: Side, now: Timestamp) -> Result<(), WorldError> {
    drop(files::private_file(path)?);
    let failed = || WorldError::database("make the database", path);
    let mut db = Connection::open(path).map_err(failed())?;
    fill(&mut db, side, now).map_err(failed())?;
    // After the rows: what both sides start with is no change that anybody has to replicate.
    convention::install(&db, &TABLES)?;
    if side == Side::Target {
        let seal = "update cutover_state set fence = 'sealed', epoch = epoch + 1, since_ms = ?1";
        db.execute(seal, [now.0]).map_err(failed())?;
    }
    db.close().map_err(|(_, e)| failed()(e))
}

fn fill(db: &mut Connection, side: Side, now: Timestamp) -> rusqlite::Result<()> {
    let tx = db.transaction()?;
    tx.execute_batch(SCHEMA)?;
    tx.execute("insert into environment (name) values (?1)", [side.environment()])?;
    seed(&tx, now)?;
    tx.commit()
}

fn seed(tx: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<()> {
    let mut customer = tx.prepare("insert into customers values (?1, ?2, ?3, ?4)")?;
    for id in 1..=CUSTOMERS {
        let name = pick(&NAMES, id);
        let email = format!("{}{id}@example.net", name.to_lowercase());
        customer.execute(params![id, format!("{name} {id}"), email, pick(&TOWNS, id / 8)])?;
    }
    let mut product = tx.prepare("insert into products values (?1, ?2, ?3, ?4)")?;
    for id in 1..=PRODUCTS {
        product.execute(params![id, format!("{} no. {id}", pick(&THINGS, id)), price(id), now.0])?;
    }
    let mut order = tx.prepare("insert into orders values (?1, ?2, ?3, ?4)")?;
    let mut line = tx.prepare("insert into order_lines values (?1, 1, ?2, ?3, ?4)")?;
    let mut payment = tx.prepare("insert into payments values (?1, ?2, ?3)")?;
    for n in 1..=EARLIER_ORDERS {
        let (product, quantity) = (scatter(n) % PRODUCTS + 1, n % 3 + 1);
        let total = price(product) * quantity;
        let id = format!("earlier-{n:05}");
        let age = i64::try_from(EARLIER_ORDERS - n).unwrap_or(0) * 60_000;
        order.execute(params![id, scatter(n) % CUSTOMERS + 1, now.0 - age, total])?;
        line.execute(params![id, product, quantity, price(product)])?;
        payment.execute(params![format!("{id}/paid"), id, total])?;
    }
    Ok(())
}

fn price(product: u64) -> u64 {
    200 + scatter(product) % 9_800
}

fn pick<'a>(from: &[&'a str], n: u64) -> &'a str {
    let index = usize::try_from(n).unwrap_or(0) % from.len();
    from.get(index).copied().unwrap_or_default()
}

/// Spreads consecutive numbers over the whole range (the finalizer of splitmix64): variety without chance.
pub(super) fn scatter(n: u64) -> u64 {
    let mut x = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(path: &Path, table: &str) -> Vec<String> {
        let db = Connection::open(path).unwrap();
        let mut query = db.prepare(&format!("select * from {table}")).unwrap();
        let columns = query.column_count();
        query
            .query_map([], |row| {
                let values: Vec<_> = (0..columns).map(|i| format!("{:?}", row.get_ref(i).unwrap())).collect();
                Ok(values.join(" "))
            })
            .unwrap()
            .map(Result::unwrap)
            .collect()
    }

    #[test]
    fn both_sides_start_with_the_same_rows_and_an_environment_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let (source, target) = (folder.path().join("source.db"), folder.path().join("target.db"));
        make(&source, Side::Source, Timestamp(1_764_975_791_000)).unwrap();
        make(&target, Side::Target, Timestamp(1_764_975_791_000)).unwrap();
        for table in TABLES {
            let (ours, theirs) = (rows(&source, table), rows(&target, table));
            assert!(ours.len() >= 400, "{table} has {} rows", ours.len());
            assert_eq!(ours, theirs, "{table}");
        }
        assert_eq!(rows(&source, "cutover_change"), Vec::<String>::new());
        assert_eq!(rows(&target, "cutover_change"), Vec::<String>::new());
        assert_ne!(rows(&source, "environment"), rows(&target, "environment"));
    }

    #[test]
    fn the_target_takes_no_order_before_somebody_opens_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("target.db");
        make(&path, Side::Target, Timestamp(0)).unwrap();
        let db = Connection::open(&path).unwrap();
        let refused = db.execute("delete from orders", []).unwrap_err().to_string();
        assert!(refused.contains("fenced"), "{refused}");
    }
}
