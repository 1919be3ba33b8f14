-- The source, before its standby is copied: psql -f source.sql ADDRESS
-- The schema `cutover` is there already: cutover convention ADDRESS

-- A table for writes that are tried and rolled back.
create table probe (id int primary key);
grant insert on probe to app;
