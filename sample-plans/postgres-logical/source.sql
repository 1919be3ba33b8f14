-- The source, before the run, first of three: psql -f source.sql ADDRESS
-- The schema `cutover` is there already: cutover convention ADDRESS

-- Which side this is. It is published nowhere.
create schema ops;
create table ops.environment (name text not null);
insert into ops.environment values ('dc1');
grant usage on schema ops to app;
grant select on ops.environment to app;

-- A table for writes that are tried and rolled back.
create table probe (id int primary key);
grant insert on probe to app;

-- What travels: everything of the shop, and the table of markers.
create publication orders for tables in schema public, table cutover.marker;
