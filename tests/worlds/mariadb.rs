//! A shop on MariaDB that moves: two servers, a front door, and a client that orders through it.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error, Opts, OptsBuilder};
use tempfile::TempDir;

use crate::mariadb::{APP, MariaDb};
use crate::pty::Terminal;
use crate::servers::haproxy::Door;
use crate::servers::way;
use crate::users::{Line, Night, Refused};

/// How many customers there are unless somebody wants more.
pub(crate) const CUSTOMERS: u32 = 5_000;

/// A number that is there already.
const DUPLICATE: u16 = 1062;

const SCHEMA: &str = "
    create database shop; use shop;
    create table customers (id bigint primary key, name text not null);
    create table orders (id uuid primary key, customer bigint not null, cents bigint not null,
      placed timestamp(6) not null default current_timestamp(6));
    create table tickets (id bigint auto_increment primary key, of_order bigint not null)";

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-plans").join(name)
}

/// Two servers, a front door, and what has to be there before the night.
pub(crate) struct World {
    pub(crate) source: MariaDb,
    pub(crate) target: MariaDb,
    pub(crate) door: Door,
    /// Where the target is reached.
    cloud: u16,
    home: TempDir,
}

impl World {
    /// … with this many customers.
    pub(crate) fn new(customers: u32) -> World {
        World::apart(customers, Duration::ZERO)
    }

    /// … of which the target is so far away from everybody else.
    pub(crate) fn apart(customers: u32, away: Duration) -> World {
        let source = MariaDb::start(1, &["--gtid-domain-id=1"]);
        let target = MariaDb::start(2, &["--gtid-domain-id=2"]);
        for server in [&source, &target] {
            // The accounts are the sample's, with no right that it does not give.
            server.run("set sql_log_bin = 0; drop user cutover@'%', app@'%', repl@'%'");
            file(server, "mariadb/accounts.sql", &[]);
            server.run("set sql_log_bin = 0; create user bystander@'%' identified by 'secret'");
            server.run("set sql_log_bin = 0; grant select, insert on shop.* to bystander@'%'");
        }
        source.run(SCHEMA);
        source.run(&format!(
            "use shop; insert into customers select seq, concat('customer ', seq) from seq_1_to_{customers}"
        ));
        let (near, cloud) = (way::to(source.port, away), way::to(target.port, away));
        let at = |port: u16| {
            [
                ("db.dc1.example", "127.0.0.1".to_owned()),
                ("db.cloud.example", "127.0.0.1".to_owned()),
                ("3306", port.to_string()),
            ]
        };
        file(&source, "mariadb/source.sql", &at(cloud));
        dump(&source, &target);
        file(&target, "mariadb/target.sql", &at(near));
        let door = Door::start(source.port, cloud);
        let world = World { source, target, door, cloud, home: TempDir::new().unwrap() };
        let clients = std::fs::read_to_string(sample("mariadb/clients.cnf")).unwrap();
        let here = |port: u16| format!("127.0.0.1\nport = {port}");
        // Its port first: another's may have the same figures in it.
        let clients = clients
            .replace("3306", &world.door.port.to_string())
            .replace("PASSWORD", "secret")
            .replace("db.dc1.example", &here(world.source.port))
            .replace("db.cloud.example", &here(world.cloud))
            .replace("haproxy.example", "127.0.0.1");
        std::fs::write(world.clients(), clients).unwrap();
        std::fs::set_permissions(world.clients(), std::fs::Permissions::from_mode(0o600)).unwrap();
        world
    }

    fn clients(&self) -> PathBuf {
        self.home.path().join("clients.cnf")
    }

    /// The shop as an application reaches it.
    fn app(&self) -> String {
        format!("mysql://{APP}:secret@127.0.0.1:{}/shop", self.door.port)
    }

    /// The cockpit of the sample plan.
    pub(crate) fn terminal(&self) -> Terminal {
        self.cockpit(&sample("mariadb.toml"))
    }

    /// The cockpit of a plan.
    pub(crate) fn cockpit(&self, plan: &Path) -> Terminal {
        let sets = [
            format!("source=127.0.0.1:{}", self.source.port),
            format!("target=127.0.0.1:{}", self.cloud),
            format!("app=127.0.0.1:{}", self.door.port),
            format!("clients={}", self.clients().display()),
            format!("door={}", self.door.dir.path().display()),
        ];
        let mut args = vec!["run", plan.to_str().unwrap(), "--as", "lead"];
        for set in &sets {
            args.extend(["--set", set]);
        }
        let secrets = [("CUTOVER_PASSWORD", "secret"), ("APP_PASSWORD", "secret")];
        Terminal::start_with(self.home.path(), 120, 36, &args, &secrets)
    }

    /// Where the cockpit keeps its things.
    #[allow(dead_code, reason = "a bench asks for it")]
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// What users and bystanders do all night.
    pub(crate) fn night(&self) -> Night {
        let direct = |server: &MariaDb| server.url("bystander", "shop");
        Night::begin::<Conn>(&self.app(), [&direct(&self.source), &direct(&self.target)])
    }

    /// Which directions run: forward, and back.
    pub(crate) fn directions(&self) -> (bool, bool) {
        (runs(&self.target), runs(&self.source))
    }
}

impl Drop for World {
    /// What replication says stands beside what a test says that fails.
    fn drop(&mut self) {
        if std::thread::panicking() {
            for (side, server) in [("source", &self.source), ("target", &self.target)] {
                let said =
                    server.client().arg("-E").args(["-e", "show slave status; show processlist"]).output();
                let said = said.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
                println!("{side}:\n{said}");
            }
        }
    }
}

fn runs(server: &MariaDb) -> bool {
    server.run("show global status like 'slave_running'").ends_with("ON")
}

/// Runs a file beside the sample plan as the administrator, with other texts in it.
fn file(server: &MariaDb, name: &str, texts: &[(&str, String)]) {
    let mut sql = std::fs::read_to_string(sample(name)).unwrap().replace("PASSWORD", "secret");
    for (from, to) in texts {
        sql = sql.replace(from, to);
    }
    server.run(&sql);
}

/// Brings the source's rows to the target, as target.sql says.
fn dump(source: &MariaDb, target: &MariaDb) {
    let mut loading = target.client().stdin(Stdio::piped()).spawn().unwrap();
    let mut input = loading.stdin.take().unwrap();
    input.write_all(b"set sql_log_bin = 0;\n").unwrap();
    let dumped = Command::new("mariadb-dump")
        .args(["--no-defaults", "-u", "root", "-S"])
        .arg(source.socket())
        .args(["--single-transaction", "--gtid", "--master-data", "--triggers", "--routines", "--events"])
        .args(["--databases", "shop", "cutover"])
        .stdout(input)
        .status()
        .unwrap();
    assert!(dumped.success() && loading.wait().unwrap().success());
}

impl Line for Conn {
    async fn connect(address: &str) -> Option<Conn> {
        // Or it would leave the front door for the socket that the server names.
        let options = OptsBuilder::from_opts(Opts::from_url(address).unwrap()).prefer_socket(false);
        let connecting = Conn::new(options);
        tokio::time::timeout(Duration::from_secs(3), connecting).await.ok()?.ok()
    }

    async fn run(&mut self, sql: &str) -> Result<(), Refused> {
        self.query_drop(sql).await.map_err(|why| Refused {
            twice: matches!(&why, Error::Server(said) if said.code == DUPLICATE),
            why: why.to_string(),
        })
    }

    fn order(id: u64) -> String {
        format!(
            "begin; insert into orders (id, customer, cents) values (md5('{id}'), {id}, {});
             insert into tickets (of_order) values ({id}); commit",
            id % 997
        )
    }
}

/// The numbers of the orders on a side, a line each.
pub(crate) fn numbers(server: &MariaDb) -> String {
    server.run("select customer from shop.orders")
}
