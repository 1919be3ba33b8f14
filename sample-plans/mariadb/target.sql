-- The target, before the run, last, with the source's rows in it. A dump brings them together with the place in the source's
-- log that they were taken at (gtid_slave_pos); loading it goes into no log, or that place would be refused (error 1948):
--   { echo 'set sql_log_bin = 0;'
--     mariadb-dump --single-transaction --gtid --master-data --triggers --routines --events --databases shop cutover
--   } | mariadb
--   mariadb < target.sql

set sql_log_bin = 0;
create database ops;
create table ops.environment (name varchar(20) not null);
insert into ops.environment values ('cloud');
set sql_log_bin = 1;

-- The way forward begins where the dump was taken.
change master to master_host = 'db.dc1.example', master_port = 3306, master_user = 'repl', master_password = 'PASSWORD',
  master_use_gtid = slave_pos, master_connect_retry = 1;
start slave;

-- Nobody but replication writes here until the plan opens it. The configuration says so, too, for a restart.
set global read_only = on;

-- What this side logs of its own from its beginning on travels back. Where it has logged anything that the source is not to
-- have, so that `select @@global.gtid_binlog_pos` here names its own domain, say this on the source with that number:
--   set global gtid_slave_pos = concat(@@global.gtid_current_pos, ',2-2-NUMBER');
