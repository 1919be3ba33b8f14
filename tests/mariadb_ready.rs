//! Readiness on real MariaDB servers: a clean pair passes every probe; each trap that is built fails exactly its own, by
//! name and with its mend.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    unreachable_pub,
    missing_docs,
    dead_code,
    reason = "tests"
)]

#[path = "asked/mod.rs"]
mod asked;
#[path = "servers/mariadb.rs"]
mod mariadb;
#[path = "ready/mod.rs"]
mod ready;
mod servers;

use std::sync::Arc;
use std::time::{Duration, Instant};

use cutover::databases::{Asked, Ends, Found, Link, link};
use cutover::plan::model::{DatabaseKind, LinkKind, Trap};
use mariadb::{ADMIN, APP, MariaDb};
use ready::Ready;

/// What both sides have, so that a clean pair is not an empty one.
const SHOP: &str = "
create database shop character set utf8mb4 collate utf8mb4_general_ci; use shop;
create table customers (id int primary key auto_increment, name varchar(40) not null, note varchar(20) default 'x',
  unique key one_name (name));
create table orders (id int primary key auto_increment, customer int not null, cents int unsigned not null default 0,
  made timestamp not null default current_timestamp on update current_timestamp, twice int generated always as (cents * 2) stored,
  key by_customer (customer), key by_cents (cents), constraint whose foreign key (customer) references customers (id),
  constraint positive check (cents < 1000000));
create table notes (id int primary key, kind int not null default 0, note text);
create table `Odd Table` (`A key` int not null, `b.c` json, unique key (`A key`));
insert into customers (name) values ('ada'), ('bob'); insert into orders (customer, cents) values (1, 150), (2, 225);
create view rich as select * from orders where cents > 1000;
create function tax(a int) returns int deterministic return a * 20 / 100;
create procedure tidy(in days int) delete from notes where id < days;
create trigger stamp before insert on notes for each row set new.kind = 1;
create event nightly on schedule every 1 day do delete from notes where id < 0;
create sequence numbers;
create role clerks; grant select on shop.orders to clerks";

struct Pair {
    source: MariaDb,
    target: MariaDb,
    ready: Ready,
}

impl Pair {
    fn start() -> Pair {
        let start = |id, domain| MariaDb::start(id, &[domain, "--event-scheduler=on"]);
        let (source, target) = (start(1, "--gtid-domain-id=1"), start(2, "--gtid-domain-id=2"));
        source.run(SHOP);
        target.run("set global read_only = on");
        target.follow(&source);
        let began = Instant::now();
        while target.run("show databases like 'shop'").is_empty() {
            assert!(began.elapsed() < Duration::from_secs(20), "nothing arrives");
        }
        let ends = [&source, &target].map(|server| server.url(ADMIN, "shop"));
        let ends = ends.each_ref().map(String::as_str);
        let ready = Ready::new(DatabaseKind::Mysql, LinkKind::Mariadb, None, ends);
        Pair { source, target, ready }
    }

    async fn is_clean(&self) {
        self.ready.is_clean(|| self.target.run("show slave status\\G")).await;
    }

    async fn fails(&self, trap: Trap, words: &[&str]) {
        self.ready.fails(trap, words).await;
    }

    /// Runs something on each side, which never leaves it.
    fn apart(&self, sides: [&str; 2]) {
        for (server, sql) in [&self.source, &self.target].into_iter().zip(sides) {
            if !sql.is_empty() {
                server.run(&format!("set sql_log_bin = 0; set foreign_key_checks = 0; use shop; {sql}"));
            }
        }
    }

    /// As an account sees both sides.
    fn link(&self, account: &str) -> Arc<dyn Link> {
        between(&self.source, &self.target, account)
    }
}

fn between(source: &MariaDb, target: &MariaDb, account: &str) -> Arc<dyn Link> {
    let end = |name: &str, server: &MariaDb| server.database(name, account, "shop");
    link("mariadb", Ends::new(end("source", source), end("target", target))).unwrap()
}

/// A trap: what builds it at the source and at the target, what takes it away there, and what its probe has to say.
type Built = (Trap, [&'static str; 2], [&'static str; 2], [&'static str; 2]);

const BUILT: &[Built] = &[
    (
        Trap::Keys,
        ["create table heap (a int, unique key (a))", "create table heap (a int, unique key (a))"],
        ["drop table heap", "drop table heap"],
        ["table heap has no primary key at source", "alter table shop.heap add primary key"],
    ),
    (
        Trap::Keys,
        ["", "alter table notes drop primary key"],
        ["", "alter table notes add primary key (id)"],
        [
            "table notes has a key at source and none at target",
            "alter table shop.notes add primary key (id) at target",
        ],
    ),
    (
        Trap::Keys,
        ["", "alter table notes drop primary key, add primary key (id, kind)"],
        ["", "alter table notes drop primary key, add primary key (id)"],
        ["table notes has the key (id) at source and (id, kind) at target", "the same primary key"],
    ),
    (
        Trap::Engines,
        [
            "create table old (id int primary key) engine = MyISAM",
            "create table old (id int primary key) engine = MyISAM",
        ],
        ["drop table old", "drop table old"],
        ["table old at source is MyISAM, without transactions", "alter table shop.old engine = InnoDB"],
    ),
    (
        Trap::Engines,
        ["", "alter table notes engine = Aria"],
        ["", "alter table notes engine = InnoDB"],
        ["table notes at target is Aria, without transactions", "alter table shop.notes engine = InnoDB"],
    ),
    (
        Trap::Logging,
        ["set global binlog_format = 'MIXED'", ""],
        ["set global binlog_format = 'ROW'", ""],
        ["binlog_format at source is MIXED", "set global binlog_format = 'ROW'"],
    ),
    (
        Trap::Logging,
        ["set global binlog_row_image = 'MINIMAL'", ""],
        ["set global binlog_row_image = 'FULL'", ""],
        ["binlog_row_image at source is MINIMAL", "set global binlog_row_image = 'FULL'"],
    ),
    (
        Trap::Logging,
        ["set global binlog_expire_logs_seconds = 3600", ""],
        ["set global binlog_expire_logs_seconds = 0", ""],
        ["keeps its log for 3600 s", "set global binlog_expire_logs_seconds = 604800"],
    ),
    (
        Trap::Origins,
        ["", "set global gtid_strict_mode = off"],
        ["", "set global gtid_strict_mode = on"],
        ["gtid_strict_mode at target is off", "set global gtid_strict_mode = on"],
    ),
    (
        Trap::Applying,
        ["", "set global slave_exec_mode = 'IDEMPOTENT'"],
        ["", "set global slave_exec_mode = 'STRICT'"],
        ["slave_exec_mode at target is IDEMPOTENT", "set global slave_exec_mode = 'STRICT'"],
    ),
    (
        Trap::ReadOnly,
        ["", "set global read_only = off"],
        ["", "set global read_only = on"],
        ["read_only at target is off", "set global read_only = on there"],
    ),
    (
        Trap::ReadOnly,
        ["create user dba@'%'; grant read only admin on *.* to dba@'%'", ""],
        ["drop user dba@'%'", ""],
        ["account dba at source may write although the server is read-only", "revoke READ ONLY ADMIN"],
    ),
    (
        Trap::ReadOnly,
        [
            "",
            "create user lead@'%'; create role chiefs; grant read only admin on *.* to chiefs; grant chiefs to lead@'%'",
        ],
        ["", "drop user lead@'%'; drop role chiefs"],
        ["account lead at target may write although the server is read-only", "revoke READ ONLY ADMIN"],
    ),
    (
        Trap::ReadOnly,
        [
            "create user locked@'%' account lock; grant read only admin, execute on *.* to locked@'%';
             create definer = locked@'%' procedure mend() delete from notes; grant execute on procedure mend to app@'%'",
            "create user locked@'%' account lock; grant read only admin, execute on *.* to locked@'%';
             create definer = locked@'%' procedure mend() delete from notes; grant execute on procedure mend to app@'%'",
        ],
        ["drop procedure mend; drop user locked@'%'", "drop procedure mend; drop user locked@'%'"],
        [
            "procedure shop.mend at source runs as locked, who may pass read_only, and app may call it",
            "alter procedure shop.mend sql security invoker",
        ],
    ),
    (
        Trap::Events,
        ["", "alter event nightly enable"],
        ["", "alter event nightly disable on slave"],
        ["event nightly at target is enabled", "alter event shop.nightly disable on slave"],
    ),
    (
        Trap::Events,
        ["create event hourly on schedule every 1 hour do delete from notes where id < 0", ""],
        ["drop event hourly", ""],
        ["event hourly does not exist at target", "make it there as show create event shop.hourly has it"],
    ),
    (
        Trap::Events,
        ["", "set global event_scheduler = off"],
        ["", "set global event_scheduler = on"],
        ["event_scheduler at target is OFF", "set global event_scheduler = on there"],
    ),
    (
        Trap::Definers,
        [
            "create user keeper@'%'; create definer = keeper@'%' view kept as select 1 as one",
            "create definer = keeper@'%' view kept as select 1 as one",
        ],
        ["drop view kept; drop user keeper@'%'", "drop view kept"],
        [
            "definer keeper@% does not exist at target, and view kept run in its name",
            "create user 'keeper'@'%' there",
        ],
    ),
    (
        Trap::Sequences,
        ["create sequence more", ""],
        ["drop sequence more", ""],
        ["sequence more does not exist at target", "show create sequence shop.more"],
    ),
    (
        Trap::Sequences,
        ["", "set global auto_increment_increment = 2"],
        ["", "set global auto_increment_increment = 1"],
        [
            "setting auto_increment_increment is 1 at source and 2 at target",
            "set global auto_increment_increment = 1",
        ],
    ),
    (
        Trap::Sequences,
        [
            "create table small (id tinyint primary key auto_increment); insert into small values (120)",
            "create table small (id tinyint primary key auto_increment)",
        ],
        ["drop table small", "drop table small"],
        [
            "auto_increment of small has given more than nine tenths",
            "alter table shop.small modify id bigint",
        ],
    ),
    (
        Trap::Columns,
        ["create table alone (id int primary key)", ""],
        ["drop table alone", ""],
        ["table alone does not exist at target", "show create table shop.alone"],
    ),
    (
        Trap::Columns,
        ["alter table customers add column extra int", ""],
        ["alter table customers drop column extra", ""],
        [
            "column customers.extra does not exist at target",
            "alter table shop.customers add column extra int",
        ],
    ),
    (
        Trap::Columns,
        ["", "alter table customers modify name varchar(20) not null"],
        ["", "alter table customers modify name varchar(40) not null"],
        [
            "column customers.name is varchar(40) at source and varchar(20) at target",
            "modify name varchar(40)",
        ],
    ),
    (
        Trap::Columns,
        ["", "alter table customers modify note varchar(20) not null default 'x'"],
        ["", "alter table customers modify note varchar(20) default 'x'"],
        ["column customers.note may be null at source and not at target", "modify note varchar(20) null"],
    ),
    (
        Trap::Columns,
        ["", "alter table customers alter note set default 'y'"],
        ["", "alter table customers alter note set default 'x'"],
        [
            "column customers.note has another default at target: x at source, y there",
            "alter note set default",
        ],
    ),
    (
        Trap::Columns,
        ["", "alter table customers modify note varchar(20) default 'x' after id"],
        ["", "alter table customers modify note varchar(20) default 'x' after name"],
        ["is number 2 at source and 3 at target: rows are applied by place", "after"],
    ),
    (
        Trap::Columns,
        ["", "alter table orders modify id int not null"],
        ["", "alter table orders modify id int not null auto_increment"],
        ["column orders.id has auto_increment at source only", "alter table shop.orders modify id int"],
    ),
    (
        Trap::Columns,
        ["", "alter table notes add column more int not null"],
        ["", "alter table notes drop column more"],
        ["column notes.more is at target only and must not be null", "alter more set default"],
    ),
    (
        Trap::Objects,
        ["create view poor as select * from orders where cents < 10", ""],
        ["drop view poor", ""],
        ["view poor does not exist at target", "show create view shop.poor"],
    ),
    (
        Trap::Objects,
        ["", "create or replace function tax(a int) returns int deterministic return a * 21 / 100"],
        ["", "create or replace function tax(a int) returns int deterministic return a * 20 / 100"],
        ["function tax is another at target", "show create function shop.tax"],
    ),
    (
        Trap::Indexes,
        ["", "drop index by_cents on orders"],
        ["", "create index by_cents on orders (cents)"],
        [
            "index by_cents on orders has none like it at target",
            "create index by_cents on shop.orders (cents)",
        ],
    ),
    (
        Trap::Indexes,
        ["", "drop index one_name on customers"],
        ["", "create unique index another_name on customers (name)"],
        [
            "index one_name on customers has none like it at target: what it refuses",
            "create unique index one_name",
        ],
    ),
    (
        Trap::Constraints,
        ["", "alter table orders drop foreign key whose"],
        ["", "alter table orders add constraint whose foreign key (customer) references customers (id)"],
        ["foreign key whose on orders does not exist at target", "show create table shop.orders"],
    ),
    (
        Trap::Constraints,
        ["", "alter table orders drop constraint positive"],
        ["", "alter table orders add constraint positive check (cents < 1000000)"],
        ["check positive on orders does not exist at target", "show create table shop.orders"],
    ),
    (
        Trap::Triggers,
        ["", "drop trigger stamp"],
        ["", "create trigger stamp before insert on notes for each row set new.kind = 1"],
        ["trigger stamp on notes is at source and not at target", "show create trigger shop.stamp"],
    ),
    (
        Trap::Triggers,
        ["", "create trigger other before insert on customers for each row set new.note = 'z'"],
        ["", "drop trigger other"],
        ["trigger other on customers is at target and not at source", "drop trigger shop.other"],
    ),
    (
        Trap::Collations,
        ["", "alter table notes modify note text collate utf8mb4_bin"],
        ["", "alter table notes modify note text"],
        [
            "column notes.note sorts by utf8mb4_general_ci at source and by utf8mb4_bin",
            "convert to character set utf8mb4",
        ],
    ),
    (
        Trap::Collations,
        ["", "alter database shop collate utf8mb4_bin"],
        ["", "alter database shop collate utf8mb4_general_ci"],
        [
            "database shop sorts by utf8mb4_general_ci at source and by utf8mb4_bin",
            "alter database shop character set",
        ],
    ),
    (
        Trap::TimeZone,
        ["", "set global time_zone = '+09:00'"],
        ["", "set global time_zone = 'SYSTEM'"],
        ["and +09:00 at target", "set global time_zone there"],
    ),
    (
        Trap::Settings,
        [
            "set global sql_mode = 'ANSI_QUOTES,STRICT_TRANS_TABLES'",
            "set global sql_mode = 'STRICT_TRANS_TABLES'",
        ],
        ["set global sql_mode = default", "set global sql_mode = default"],
        ["setting sql_mode has ANSI_QUOTES at source only", "set global sql_mode = 'ANSI_QUOTES"],
    ),
    (
        Trap::Settings,
        ["", "set global innodb_strict_mode = off"],
        ["", "set global innodb_strict_mode = on"],
        [
            "setting innodb_strict_mode is ON at source and OFF at target",
            "set global innodb_strict_mode = 'ON'",
        ],
    ),
    (
        Trap::Settings,
        ["", "set global max_allowed_packet = 1048576"],
        ["", "set global max_allowed_packet = 16777216"],
        [
            "setting max_allowed_packet is 16777216 at source and 1048576",
            "set global max_allowed_packet = 16777216",
        ],
    ),
    (
        Trap::Settings,
        ["set global foreign_key_checks = off", "set global foreign_key_checks = off"],
        ["set global foreign_key_checks = on", "set global foreign_key_checks = on"],
        ["setting foreign_key_checks at source is off", "set global foreign_key_checks = on"],
    ),
    (
        Trap::Roles,
        ["create user auditor@'%'; grant select on shop.* to auditor@'%'", ""],
        ["drop user auditor@'%'", ""],
        ["account 'auditor'@'%' does not exist at target", "create user 'auditor'@'%' there"],
    ),
    (
        Trap::Roles,
        ["", "revoke insert, update on shop.* from app@'%'"],
        ["", "grant insert, update on shop.* to app@'%'"],
        [
            "account 'app'@'%' on shop.* may INSERT, UPDATE at source and not at target",
            "grant INSERT, UPDATE on `shop`.* to 'app'@'%' there",
        ],
    ),
    (
        Trap::Roles,
        ["grant clerks to app@'%'", ""],
        ["revoke clerks from app@'%'", ""],
        ["account 'app'@'%' has the role `clerks` at source", "grant `clerks` to 'app'@'%' there"],
    ),
    (
        Trap::Roles,
        ["", "revoke select on shop.orders from clerks"],
        ["", "grant select on shop.orders to clerks"],
        [
            "role clerks on shop.orders may SELECT at source",
            "grant SELECT on `shop`.`orders` to clerks there",
        ],
    ),
    (
        Trap::Connections,
        ["", "set global max_connections = 20"],
        ["", "set global max_connections = 151"],
        ["max_connections at target is 20, source has 151", "set global max_connections = 151 there"],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_trap_fails_its_own_probe_and_a_clean_pair_none() {
    let pair = Pair::start();
    pair.is_clean().await;
    for (trap, make, undo, says) in BUILT {
        pair.apart(*make);
        pair.fails(*trap, says).await;
        pair.apart(*undo);
    }
    pair.is_clean().await;
}

fn told(found: &[Found]) -> String {
    let all: Vec<String> =
        found.iter().map(|Found { object, harm, mend }| format!("{object} {harm}; {mend}")).collect();
    all.join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_numbers_the_way_back_and_rights_that_are_missing() {
    let mut pair = Pair::start();
    pair.is_clean().await;
    let ours = pair.link(ADMIN);

    // A transaction that stays open, and one that waits for its coordinator.
    let mut open = pair.source.session(APP);
    open.tell("begin");
    open.tell("insert into shop.notes (id) values (1)");
    pair.source.run(
        "set sql_log_bin = 0; use shop; xa start 'order-7'; insert into notes (id) values (7); xa end 'order-7'; xa prepare 'order-7'",
    );
    let asked = Asked { long: Duration::from_secs(1), carried: true, ..Asked::default() };
    let began = Instant::now();
    let found = loop {
        let found = ours.trap(Trap::Transactions, &asked).await.unwrap();
        if found.len() == 2 {
            break told(&found);
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{found:#?}");
    };
    for word in [
        "of app at source has a transaction open for",
        "kill connection",
        "prepared transaction 'order-7' at source",
    ] {
        assert!(found.contains(word), "{word} in {found}");
    }
    assert!(found.contains("xa rollback 'order-7'"), "{found}");
    let usual = Asked { long: Duration::from_secs(300), ..asked.clone() };
    let found = ours.trap(Trap::Transactions, &usual).await.unwrap();
    assert_eq!(found.len(), 1, "five minutes are not over: {found:#?}");
    pair.source.run("set sql_log_bin = 0; xa rollback 'order-7'");
    drop(open);
    pair.is_clean().await;

    // Numbers that were given and are gone, and a plan that does not carry them.
    pair.source.run("set sql_log_bin = 0; alter table shop.orders auto_increment = 100");
    pair.is_clean().await;
    pair.ready.carried = false;
    pair.fails(
        Trap::Sequences,
        &["auto_increment of orders stands at 99 at source and 2 at target", "carry = {"],
    )
    .await;
    pair.target.run("set sql_log_bin = 0; alter table shop.orders auto_increment = 100");
    pair.is_clean().await;
    pair.ready.carried = true;

    // One domain: well while only the source writes in it, not where a way back is to come.
    pair.target.run("set global gtid_domain_id = 1");
    pair.is_clean().await;
    pair.ready.back = Some(String::new());
    pair.fails(Trap::Origins, &["gtid_domain_id at target is 1 at source too", "set global gtid_domain_id"])
        .await;
    pair.ready.back = None;
    pair.target.run("create table shop.stray (id int primary key)");
    let found = told(&ours.trap(Trap::Origins, &asked).await.unwrap());
    assert!(
        found.contains("target wrote 1-2-") && found.contains("gtid_domain_id to a number of its own"),
        "{found}"
    );
    pair.target.run("set global gtid_domain_id = 2; drop table shop.stray");

    // An account with few rights: what it may not see is not fine.
    for server in [&pair.source, &pair.target] {
        server.run("set sql_log_bin = 0; create user migrator@'%' identified by 'secret'; grant execute on shop.* to migrator@'%'");
    }
    let theirs = pair.link("migrator");
    for (trap, right) in [
        (Trap::Keys, "grant SELECT on `shop`.* to 'migrator'@'%'"),
        (Trap::Columns, "grant SELECT on `shop`.* to 'migrator'@'%'"),
        (Trap::Events, "grant EVENT on `shop`.* to 'migrator'@'%'"),
        (Trap::Triggers, "grant TRIGGER on `shop`.* to 'migrator'@'%'"),
        (Trap::Roles, "grant SELECT on `mysql`.* to 'migrator'@'%'"),
        (Trap::ReadOnly, "grant SELECT on `mysql`.* to 'migrator'@'%'"),
        (Trap::Transactions, "grant PROCESS on *.* to 'migrator'@'%'"),
    ] {
        let why = theirs.trap(trap, &asked).await.unwrap_err().to_string();
        assert!(why.contains(right), "{why}");
    }
    for server in [&pair.source, &pair.target] {
        server.run(
            "set sql_log_bin = 0; grant process on *.* to migrator@'%'; grant select on mysql.* to migrator@'%';
             grant select, show view, trigger, event on shop.* to migrator@'%'",
        );
    }
    // A session keeps what it might do on the whole server when it began.
    let theirs = pair.link("migrator");
    for &trap in LinkKind::Mariadb.traps() {
        let found = theirs.trap(trap, &asked).await.unwrap();
        // To this account, the one that the fence is set by is a stranger; and what it may call is root's.
        let known = ["account cutover at", "procedure shop.tidy at"];
        let strangers = trap == Trap::ReadOnly
            && found.iter().all(|one| known.iter().any(|known| one.object.starts_with(known)));
        assert!(found.is_empty() || strangers, "{trap:?}: {found:#?}");
    }

    // What only the start of a server decides.
    let other =
        MariaDb::start(1, &["--skip-log-bin", "--lower-case-table-names=1", "--slave-skip-errors=1062"]);
    other.run("create database shop");
    let link = between(&pair.source, &other, ADMIN);
    for (trap, words) in [
        (Trap::Logging, ["log_bin at target is off", "set log_bin in its configuration"]),
        (Trap::Origins, ["server_id at target is 1 at source too", "set another server_id"]),
        (Trap::Settings, ["setting lower_case_table_names is 0 at source and 1", "make the target anew"]),
        (Trap::Applying, ["slave_skip_errors at target is 1062", "take it out of its configuration"]),
    ] {
        let found = told(&link.trap(trap, &asked).await.unwrap());
        assert!(words.iter().all(|word| found.contains(word)), "{words:?} in {found}");
    }
    let quiet = MariaDb::start(3, &["--log-slave-updates=0"]);
    quiet.run("create database shop");
    let back = Asked { back: Some(String::new()), ..asked };
    let link = between(&pair.source, &quiet, ADMIN);
    assert!(link.trap(Trap::Logging, &Asked::default()).await.unwrap().is_empty(), "nobody follows it");
    let found = told(&link.trap(Trap::Logging, &back).await.unwrap());
    assert!(found.contains("log_slave_updates at target is off") && found.contains("restart"), "{found}");
}
