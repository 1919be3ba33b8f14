-- Both sides, before the run, first of all: mariadb < accounts.sql
-- Put passwords in place of PASSWORD. It stays out of the log, so that each side has accounts of its own.
set sql_log_bin = 0;

-- Cutover itself. It may write to a server that is read-only: its markers have to go through, and the next numbers of
-- auto_increment, which it sets behind the fence.
create user cutover@'%' identified by 'PASSWORD';
grant process, connection admin, read_only admin, binlog admin, binlog monitor, replica monitor, replication slave,
  select, show view, trigger, event on *.* to cutover@'%';
grant all on cutover.* to cutover@'%';
grant alter on shop.* to cutover@'%';

-- Who starts and stops replication. It may write nowhere, so that no fence is in doubt while it is there.
create user turner@'%' identified by 'PASSWORD';
grant replication slave admin, binlog monitor on *.* to turner@'%';
grant execute on cutover.* to turner@'%';

-- Nobody: the account is locked. One procedure runs with its rights, since where replication begins is kept in a table, which
-- a server that is read-only lets nobody else change. No procedure of the application's may run as it, or as root: what such
-- a one writes, no fence stops.
create user keeper@'%' account lock;
grant read_only admin, replication slave admin on *.* to keeper@'%';
grant execute on cutover.* to keeper@'%';

-- As whom each side fetches the other's log.
create user repl@'%' identified by 'PASSWORD';
grant replication slave on *.* to repl@'%';

-- The application. Neither SUPER nor READ_ONLY ADMIN: it must not pass a fence.
create user app@'%' identified by 'PASSWORD';
grant select, insert, update, delete on shop.* to app@'%';
grant select on ops.* to app@'%';
