//! The convention: what servers have not, in a schema `cutover` of the database itself.
//!
//! - `cutover.marker`: rows of ours that travel through replication; to be published like any other table.
//! - `cutover.fence`: whether this side is fenced, since when and where in the log, and what was there before.
//! - `cutover.change`: rows that somebody wrote while writes were noted, with who it was. Replication does not pass the
//!   triggers that fill it.
//! - `cutover.definition`: commands that changed a definition, with who ran them. Event triggers fill it, which only a
//!   superuser can make; without them everything else works, and nobody knows who it was.
//!
//! Every row but of markers names its system: where a publication carries all tables, what the one side says of itself
//! arrives on the other, and must not be taken for what that says of itself.
//!
//! `drop schema cutover cascade` takes all of it away again, triggers too.

use std::time::Duration;

use super::connection::Problem;
use super::{APPLICATION, Postgres, definitions};
use crate::databases::Error;

/// What our triggers begin with. They are no part of people's schema.
pub(super) const PREFIX: &str = "cutover_";
/// What our event triggers begin with.
pub(super) const DEFINITION: &str = "cutover_definition";
/// What the database says to a write while it is sealed.
pub const FENCED: &str = "cutover: this side is fenced";

/// This very database of this very system, for the tables of which rows may come from elsewhere. A physical standby
/// that is promoted has the same: what stood on its source stands on it.
pub(super) const SYSTEM: &str =
    "(select s.system_identifier || '/' || d.oid from pg_catalog.pg_control_system() s, pg_catalog.pg_database d
      where d.datname = pg_catalog.current_database())";

/// Makes the schema, or mends it: what is there keeps its contents. Meant to be read by whoever owns the database
/// before it is run.
pub fn script() -> String {
    format!(
        "begin;
create schema if not exists cutover;
create table if not exists cutover.marker (
  id text primary key,
  made timestamptz not null);
create table if not exists cutover.fence (
  system text primary key,
  state text not null check (state in ('open', 'fenced', 'sealed')),
  since timestamptz not null,      -- 'infinity' while it is being set
  at pg_lsn,                       -- the end of the log when it was set
  before jsonb not null,           -- default_transaction_read_only as it was, by role ('' for the database)
  counters jsonb not null);        -- tuples written by table when it was set
create table if not exists cutover.change (
  system text not null,
  seq bigint generated always as identity,
  at timestamptz not null,
  lsn pg_lsn not null,
  tbl text not null,
  op text not null,
  key jsonb not null,
  account text not null,
  application text not null,
  client text,
  pid integer not null,
  primary key (system, seq));
create or replace function cutover.system() returns text language sql stable as $$ select {SYSTEM} $$;
create or replace function cutover.refuse() returns trigger language plpgsql as $$
begin
  raise exception '{FENCED}' using errcode = 'read_only_sql_transaction';
end $$;
create or replace function cutover.note() returns trigger language plpgsql security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  tuple jsonb := case tg_op when 'INSERT' then to_jsonb(new) when 'UPDATE' then to_jsonb(new)
                            when 'DELETE' then to_jsonb(old) else '{{}}' end;
  key jsonb;
begin
  select coalesce(jsonb_agg(tuple -> name order by at), '[]') into key
    from unnest(tg_argv[1:]) with ordinality key_columns (name, at);
  insert into cutover.change (system, at, lsn, tbl, op, key, account, application, client, pid)
    values (cutover.system(), clock_timestamp(), pg_current_wal_insert_lsn(), tg_argv[0], lower(tg_op),
            key, session_user, current_setting('application_name'), host(inet_client_addr()), pg_backend_pid());
  return null;
end $$;
create table if not exists cutover.definition (
  system text not null,
  seq bigint generated always as identity,
  at timestamptz not null,
  lsn pg_lsn not null,
  object text not null,
  command text not null,
  account text not null,
  application text not null,
  client text,
  pid integer not null,
  primary key (system, seq));
create or replace function cutover.note_definition() returns event_trigger language plpgsql security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  objects text[];
begin
  if tg_event = 'sql_drop' then
    select array_agg(object_identity) into objects from pg_event_trigger_dropped_objects()
      where original and not is_temporary and schema_name is distinct from 'cutover';
  else
    select array_agg(distinct coalesce(object_identity, object_type)) into objects from pg_event_trigger_ddl_commands()
      where schema_name is distinct from 'cutover' and schema_name is distinct from 'pg_temp';
  end if;
  insert into cutover.definition (system, at, lsn, object, command, account, application, client, pid)
    select cutover.system(), clock_timestamp(), pg_current_wal_insert_lsn(), name, tg_tag,
           session_user, current_setting('application_name'), host(inet_client_addr()), pg_backend_pid()
    from unnest(objects) name where name <> 'cutover' and not starts_with(name, '{PREFIX}');
exception when others then
  -- Nobody's command may fail because it could not be noted.
  raise warning 'cutover has not noted this command: %', sqlerrm;
end $$;
grant usage on schema cutover to public;
do $$ begin
  if not exists (select from pg_event_trigger where evtname = '{DEFINITION}') then
    create event trigger {DEFINITION} on ddl_command_end execute function cutover.note_definition();
    create event trigger {DEFINITION}_drop on sql_drop execute function cutover.note_definition();
  end if;
exception when insufficient_privilege then
  raise notice 'who changes a definition is not noted: only a superuser can make an event trigger';
end $$;
commit;
"
    )
}

/// Runs [`script`]. Whether who changes a definition is noted from now on.
///
/// # Errors
/// As every question; [`Error::Refused`] says which right the account has not.
pub async fn install(into: &Postgres) -> Result<bool, Error> {
    let long = Postgres { timeout: into.timeout.max(Duration::from_secs(30)), ..into.clone() };
    long.ask("making the schema cutover", async |client| {
        client.batch_execute(&script()).await?;
        definitions::noted(client).await
    })
    .await
}

/// The problem of a database that has no convention.
pub(super) fn missing() -> Problem {
    Problem::broken(
        "it has no schema `cutover`, in which markers and the fence stand",
        format!("make it before the run: {APPLICATION} convention URL"),
    )
}
