//! Two PostgreSQL servers with the same table, and rows of it that differ.

use std::fmt::Write as _;
use std::process::Command;

use crate::contest::{Client, End, made};
use crate::peers::Found;
use crate::servers::postgres::Postgres;

/// The database that most cases compare.
pub const DATABASE: &str = "bench";
/// Everything stays in memory, nothing waits for a disk, nobody cleans up in between.
const SETTINGS: &str = "shared_buffers = 3GB\nmaintenance_work_mem = 512MB\nwal_level = minimal\n\
                        max_wal_senders = 0\nmax_wal_size = 16GB\nautovacuum = off\n";
const COLUMNS: &str = "id bigint, number int not null, amount numeric(14, 2) not null, note text not null,
    code varchar(40) not null, active boolean not null, born date not null, made timestamp not null,
    seen timestamptz not null, ratio double precision not null, token uuid not null, doc jsonb not null,
    raw bytea not null, remark text";
const NAMES: &str =
    "id, number, amount, note, code, active, born, made, seen, ratio, token, doc, raw, remark";
const VALUES: &str = "2 * n, hashint8(n), hashint8(n + 7)::numeric / 100, repeat(md5(n::text), 1 + n % 3),
    'C-' || to_hex(n), n % 3 = 0, date '2001-01-01' + n % 9000, timestamp '2001-01-01' + n * interval '7.000013 s',
    timestamptz '2001-01-01 00:00:00+00' + n * interval '11.000017 s', sin(n), md5(n::text || ' token')::uuid,
    jsonb_build_object('n', n, 'name', 'N' || n, 'tags', jsonb_build_array('a', n % 7)),
    decode(md5(n::text || ' raw'), 'hex'), case n % 3 when 0 then null when 1 then '' else 'remark ' || n end";

/// In how many ways rows differ, in turns.
const WAYS: u32 = 16;
const MISSING: u32 = 13;
const EXTRA: u32 = 14;
/// Of these the token differs too, which is a key in one case.
const TOKEN: u32 = 10;
/// What is done to a row of the target, each in its turn.
const CHANGES: [(u32, &str); 14] = [
    (0, "number = number + 1"),
    (1, "note = note || ' '"),
    (2, "code = code || ' '"),
    (3, "amount = amount + 0.01"),
    (4, "seen = seen + interval '1 microsecond'"),
    (5, "made = made + interval '1 microsecond'"),
    (6, "remark = case when remark is null then '' end"),
    (7, "active = not active"),
    (8, "born = born + 1"),
    (9, "ratio = ratio + 1e-15"),
    (TOKEN, "token = md5(t.id || ' other')::uuid"),
    (11, "doc = jsonb_set(doc, '{n}', '-1')"),
    (12, "raw = raw || '\\x00'::bytea"),
    (15, "note = upper(note), remark = 'both'"),
];

/// Both servers.
pub struct Pair {
    pub source: Postgres,
    pub target: Postgres,
}

/// How many rows differ at the target, by how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    pub changed: u32,
    pub missing: u32,
    pub extra: u32,
}

impl Numbers {
    pub fn all(self) -> usize {
        (self.changed + self.missing + self.extra) as usize
    }
}

impl Pair {
    /// So many rows on both, of which so many differ.
    pub fn of(rows: u32, differ: u32) -> Pair {
        made(&format!("{rows} rows a side on PostgreSQL, {differ} differ"), || {
            let pair = Pair { source: Postgres::with(SETTINGS), target: Postgres::with(SETTINGS) };
            pair.on_both(|server| fill(server, rows));
            pair.differ(DATABASE, rows, differ);
            println!("  PostgreSQL {}", pair.source.sql(DATABASE, "show server_version"));
            pair
        })
    }

    /// So many rows on both, and whatever is written at the source from then on is carried to the target.
    pub fn replicated(rows: u32) -> Pair {
        made(&format!("{rows} rows a side on PostgreSQL, with a subscription"), || {
            let logging = SETTINGS.replace("wal_level = minimal\nmax_wal_senders = 0", "wal_level = logical");
            let pair = Pair { source: Postgres::with(&logging), target: Postgres::with(&logging) };
            pair.on_both(|server| {
                fill(server, rows);
                server.sql(DATABASE, "vacuum (freeze, analyze) items");
                server.sql(DATABASE, "checkpoint");
            });
            pair.source.sql(DATABASE, "create publication bench for table items");
            pair.target.sql(
                DATABASE,
                &format!(
                    "create subscription bench connection 'host=127.0.0.1 port={} user=postgres dbname={DATABASE}'
                     publication bench with (copy_data = false)",
                    pair.source.port
                ),
            );
            pair
        })
    }

    /// Does something on both at once.
    pub fn on_both(&self, what: impl Fn(&Postgres) + Sync) {
        std::thread::scope(|scope| {
            scope.spawn(|| what(&self.source));
            what(&self.target);
        });
    }

    /// Has rows differ, in all ways in turns, scattered over the table.
    pub fn differ(&self, database: &str, rows: u32, differ: u32) {
        let step = rows / differ.max(1);
        let mut sql = format!(
            "create temp table picked as
                 select 2 * ((i - 1) * {step} + 1 + (hashint8(i) & 2147483647) % {step}) as id, i % {WAYS} as way
                 from generate_series(1, {differ}) i; analyze picked;
             insert into items select t.id + 1, number, amount, note, code, active, born, made, seen, ratio,
                    md5(t.id || ' extra')::uuid, doc, raw, remark
                 from items t join picked p on t.id = p.id and way = {EXTRA};
             delete from items t using picked p where t.id = p.id and way = {MISSING};"
        );
        for (way, change) in CHANGES {
            write!(sql, "update items t set {change} from picked p where t.id = p.id and way = {way};")
                .unwrap();
        }
        self.target.sql(database, &sql);
        self.on_both(|server| {
            server.sql(database, "vacuum (freeze, analyze) items");
            server.sql(database, "checkpoint");
        });
    }

    pub fn ends(&self) -> [End; 2] {
        [&self.source, &self.target]
            .map(|server| End { port: server.port, pid: server.pid().as_raw_nonzero().get().unsigned_abs() })
    }
}

fn fill(server: &Postgres, rows: u32) {
    server.sql("postgres", &format!("create database {DATABASE}"));
    // A table of the same transaction is not written to the log.
    let sql = format!(
        "create table items ({COLUMNS}); insert into items select {VALUES} from generate_series(1, {rows}) n;
         alter table items add primary key (id)"
    );
    server.sql(DATABASE, &sql);
}

/// How many rows differ by the way they were made to, with the key `id`.
pub fn numbers(differ: u32) -> Numbers {
    let of = |way| of_way(differ, way);
    let (missing, extra) = (of(MISSING), of(EXTRA));
    Numbers { changed: differ - missing - extra, missing, extra }
}

/// … with the key `token`.
pub fn numbers_by_token(differ: u32) -> Numbers {
    let (by_id, of_token) = (numbers(differ), of_way(differ, TOKEN));
    Numbers {
        changed: by_id.changed - of_token,
        missing: by_id.missing + of_token,
        extra: by_id.extra + of_token,
    }
}

/// … without a key: a changed row is another row.
pub fn numbers_without_key(differ: u32) -> Numbers {
    let Numbers { changed, missing, extra } = numbers(differ);
    Numbers { changed: 0, missing: missing + changed, extra: extra + changed }
}

fn of_way(differ: u32, way: u32) -> u32 {
    (1..=differ).filter(|i| i % WAYS == way).map(|_| 1).sum()
}

/// The address of a database for anybody who speaks of `postgresql`.
pub fn url(port: u16, database: &str) -> String {
    format!("postgresql://postgres@127.0.0.1:{port}/{database}")
}

/// A shell's command that asks the server at a port.
pub fn asking(port: u16, sql: &str) -> String {
    format!("exec psql -XAtq -h 127.0.0.1 -p {port} -U postgres -d {DATABASE} -c \"{sql}\"")
}

/// A side in the order of its key.
pub fn side(port: u16) -> String {
    asking(port, "copy (select * from items order by id) to stdout")
}

/// The least that hashes every row: one sum of hashes a side, at the same time. The server's own hashes pass over a zero
/// behind the point, a sign, eight bytes folded into four, and how arrays in a document are nested.
pub fn floor<'a>() -> Client<'a> {
    let sql = format!("select count(*), sum(hash_record_extended(row({NAMES}), 42)) from items");
    Client {
        name: "floor",
        shown: "bare sum of hashes".to_owned(),
        exits: &[0],
        commands: Box::new(move |ports| {
            let ask = |port| {
                let mut command = Command::new("sh");
                command.args(["-c", &asking(port, &sql)]);
                command
            };
            ports.map(ask).into()
        }),
    }
}

/// reladiff over all columns. Sorting what it found, it breaks where no value meets text, and still ends with 0.
pub fn reladiff(found: &Found) -> Client<'_> {
    Client {
        name: "reladiff",
        shown: found.shown.clone(),
        exits: &[0],
        commands: Box::new(|ports| {
            let [source, target] = ports.map(|port| url(port, DATABASE));
            let mut command = Command::new(&found.path);
            command.args([&source, "items", &target, "items", "-k", "id", "-c", "%"]);
            // It breaks lines of JSON at the width of the terminal.
            command.args(["--json", "--skip-sort-results"]).env("COLUMNS", "1000000");
            vec![command]
        }),
    }
}
