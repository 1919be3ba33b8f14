//! PostgreSQL as it is: private servers, real replication, a real pooler.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[path = "../asked/mod.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod asked;
mod before;
#[path = "../before/mod.rs"]
mod before_window;
mod fence;
mod links;
mod looks;
#[path = "../ready/mod.rs"]
mod ready;
#[path = "../servers/mod.rs"]
mod servers;
mod traps;

use std::sync::Arc;
use std::time::Duration;

use cutover::databases::postgres::convention;
use cutover::databases::{Database, Settings, connect};
use servers::postgres::Postgres;

/// One question may take this long.
const LIMIT: Duration = Duration::from_secs(10);

/// A database by its address.
fn at(name: &str, address: String, timeout: Duration) -> Arc<dyn Database> {
    let settings = Settings { name: name.to_owned(), address, root: "/".into(), timeout };
    connect("postgres", &settings).unwrap()
}

/// The shop's database on a server, as the superuser.
fn shop(name: &str, server: &Postgres) -> Arc<dyn Database> {
    at(name, server.url("shop", "postgres"), LIMIT)
}

/// Makes the shop's database with two tables, its application's account and, where asked for, the convention.
async fn furnish(server: &Postgres, convention: bool) {
    server.sql("postgres", "create database shop");
    server.sql(
        "shop",
        "create table customers (id bigint primary key, name text not null);
         create table orders (id uuid primary key, customer bigint not null, cents bigint not null);
         do $$ begin if not exists (select from pg_roles where rolname = 'app') then create role app login; end if; end $$;
         grant select, insert, update, delete on all tables in schema public to app",
    );
    if convention {
        let settings = Settings {
            name: "shop".to_owned(),
            address: server.url("shop", "postgres"),
            root: "/".into(),
            timeout: LIMIT,
        };
        convention::install(&cutover::databases::postgres::Postgres::new(&settings).unwrap()).await.unwrap();
    }
}
