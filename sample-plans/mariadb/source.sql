-- The source, before the run, second: mariadb < source.sql

-- Which side this is. It is in no log: the other side says something else.
set sql_log_bin = 0;
create database ops;
create table ops.environment (name varchar(20) not null);
insert into ops.environment values ('dc1');
set sql_log_bin = 1;

-- A table for writes that are tried and rolled back, cutover's markers, and the one thing that who turns replication may do
-- behind a fence: say where it begins. They travel.
create table shop.probe (id int primary key) engine = InnoDB;
create database cutover;
create table cutover.marker (id varchar(190) not null, made_ms bigint not null, primary key (id, made_ms))
  engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;
create definer = keeper@'%' procedure cutover.begin_behind(place text) sql security definer
  set global gtid_slave_pos = place;

-- The way back, which does not run yet: the plan says where it begins, and starts it.
change master to master_host = 'db.cloud.example', master_port = 3306, master_user = 'repl', master_password = 'PASSWORD',
  master_use_gtid = slave_pos, master_connect_retry = 1;
