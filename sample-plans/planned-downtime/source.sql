-- The source, before the run: psql -f source.sql ADDRESS
-- The schema `cutover` is there already: cutover convention ADDRESS

create schema ops;
create table ops.environment (name text not null);
insert into ops.environment values ('dc1');
grant usage on schema ops to app;
grant select on ops.environment to app;

-- A table for writes that are tried and rolled back.
create table probe (id int primary key);
grant insert on probe to app;
