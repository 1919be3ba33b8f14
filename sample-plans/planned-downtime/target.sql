-- The target, before the run: an empty database with the accounts of the source and the schema `cutover`
-- (`cutover convention ADDRESS`): psql -f target.sql ADDRESS

create schema ops;
create table ops.environment (name text not null);
insert into ops.environment values ('cloud');
grant usage on schema ops to app;
grant select on ops.environment to app;

-- Nobody writes here until the plan opens it, but for what fills it.
select format('alter database %I set default_transaction_read_only = on', current_database()) \gexec
