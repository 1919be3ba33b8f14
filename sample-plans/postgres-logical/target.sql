-- The target, before the run, second of three, with the source's tables in it (pg_dump --schema-only) and no rows:
--   psql -f target.sql -v source="host=db.dc1.example dbname=shop user=replicator" ADDRESS
-- The schema `cutover` is there already: cutover convention ADDRESS

create schema ops;
create table ops.environment (name text not null);
insert into ops.environment values ('cloud');
grant usage on schema ops to app;
grant select on ops.environment to app;

create table if not exists probe (id int primary key);
grant insert on probe to app;

-- What travels back after the switch.
create publication back for tables in schema public, table cutover.marker;

-- What travels forward: copies every table, then follows.
create subscription orders connection :'source' publication orders with (slot_name = 'orders');

-- Nobody but replication writes here until the plan opens it.
select format('alter database %I set default_transaction_read_only = on', current_database()) \gexec
