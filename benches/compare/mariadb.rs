//! A million rows on MariaDB, of which one differs, and then a thousand.

use std::fmt::Write as _;
use std::process::Command;

use crate::common::table::Table;
use crate::contest::{self, Client, End, cutover, made};
use crate::findings::{against, of_ours, of_table_sync};
use crate::mariadb_server::{ADMIN, MariaDb};
use crate::peers::{Found, TABLE_SYNC};
use crate::reference;

const ROWS: u32 = 1_000_000;
const COLUMNS: &str = "id bigint primary key, number int not null, amount decimal(14, 2) not null,
    note text not null, code varchar(40) not null, active boolean not null, born date not null,
    made datetime(6) not null, seen timestamp(6) not null, ratio double not null, token uuid not null,
    doc json not null, raw varbinary(64) not null, remark text";
const NAMES: &str =
    "id, number, amount, note, code, active, born, made, seen, ratio, token, doc, raw, remark";
const VALUES: &str = "2 * seq, crc32(seq) >> 1, crc32(seq + 7) / 100, repeat(md5(seq), 1 + seq % 3),
    concat('C-', hex(seq)), seq % 3 = 0, date '2001-01-01' + interval seq % 9000 day,
    timestamp '2001-01-01 00:00:00' + interval seq * 7.000013 second,
    timestamp '2001-01-01 00:00:00' + interval seq * 11.000017 second, sin(seq), insert(insert(md5(concat(seq, ' token')), 13, 1, '4'), 17, 1, 'a'),
    json_object('n', seq, 'name', concat('N', seq), 'tags', json_array('a', seq % 7)), unhex(md5(concat(seq, ' raw'))),
    case seq % 3 when 0 then null when 1 then '' else concat('remark ', seq) end";
const WAYS: u32 = 16;
const CHANGES: [(u32, &str); 14] = [
    (0, "number = number + 1"),
    (1, "note = concat(note, ' ')"),
    (2, "code = concat(code, ' ')"),
    (3, "amount = amount + 0.01"),
    (4, "seen = seen + interval 1 microsecond"),
    (5, "made = made + interval 1 microsecond"),
    (6, "remark = case when remark is null then '' end"),
    (7, "active = not active"),
    (8, "born = born + interval 1 day"),
    (9, "ratio = ratio + 1e-15"),
    (10, "token = insert(insert(md5(concat(t.id, ' other')), 13, 1, '4'), 17, 1, 'a')"),
    (11, "doc = json_set(doc, '$.n', -1)"),
    (12, "raw = concat(raw, x'00')"),
    (15, "note = upper(note), remark = 'both'"),
];

pub fn run(turns: usize) {
    let peer = TABLE_SYNC.find();
    let pair = made(&format!("{ROWS} rows a side on MariaDB"), Pair::new);
    let mut table = Table::new();
    for differ in [1, 1_000] {
        made(&format!("{differ} differ"), || pair.differ(differ));
        let mut clients = vec![cutover(url, &[], &[1]), floor(), reference::client(side)];
        clients.extend(peer.as_ref().map(table_sync));
        let title = format!("1M rows, {differ} differ");
        let all = contest::run(&title, &clients, pair.ends(), turns);
        let (ours, floor, plain) = (&all["cutover"], &all["floor"], &all["reference"]);
        let truth = reference::findings(&plain.said[0]);
        assert_eq!(truth.len(), differ as usize, "the reference does not find what was made to differ");
        assert_eq!(of_ours(&ours.said[0]), truth, "not the rows that the reference finds");
        println!("rows: cutover names those of the row-by-row reference");
        match (&peer, all.get("pt-table-sync")) {
            (Some(peer), Some(theirs)) => {
                println!("rows: {} {}", peer.shown, against(&of_table_sync(&theirs.said[0]), &truth));
                table.ratio(&format!("{differ}: wall"), "s", ours.wall, (&peer.shown, theirs.wall), None);
                table.ratio(
                    &format!("{differ}: CPU of all"),
                    "s",
                    ours.cpu(),
                    (&peer.shown, theirs.cpu()),
                    None,
                );
            }
            _ => TABLE_SYNC.missing(&mut table, &format!("{differ}: wall")),
        }
        let bare = ("one crc32 a row", floor.server);
        table.ratio(&format!("{differ}: CPU of the servers"), "s", ours.server, bare, None);
        table.bound(&format!("{differ}: peak memory"), "MB", ours.peak, 64.0);
        pair.mend();
    }
}

struct Pair([MariaDb; 2]);

impl Pair {
    fn new() -> Pair {
        let pair = Pair([1, 2].map(|id| {
            MariaDb::start(id, &["--innodb-buffer-pool-size=2G", "--innodb-flush-log-at-trx-commit=0"])
        }));
        let sql = format!(
            "set sql_log_bin = 0, unique_checks = 0; create database bench character set utf8mb4; use bench;
             create table items ({COLUMNS}); insert into items select {VALUES} from seq_1_to_{ROWS};
             analyze table items"
        );
        std::thread::scope(|scope| {
            for server in &pair.0 {
                scope.spawn(|| server.run(&sql));
            }
        });
        println!("  MariaDB {}", pair.0[0].run("select version()"));
        pair
    }

    /// Has so many rows differ at the target, in all ways in turns. What they were is kept in a database beside it.
    fn differ(&self, differ: u32) {
        let step = ROWS / differ;
        let mut sql = format!(
            "set sql_log_bin = 0; create database aside; use bench;
             create table aside.picked (id bigint primary key, way int) as
                 select 2 * ((seq - 1) * {step} + 1 + crc32(seq) % {step}) as id, seq % {WAYS} as way
                 from seq_1_to_{differ};
             create table aside.kept as select t.* from items t join aside.picked p on t.id = p.id;
             insert into items select t.id + 1, number, amount, note, code, active, born, made, seen, ratio, token,
                    doc, raw, remark
                 from items t join aside.picked p on t.id = p.id and way = 14;
             delete t from items t join aside.picked p on t.id = p.id and way = 13;"
        );
        for (way, change) in CHANGES {
            write!(sql, "update items t join aside.picked p on t.id = p.id and way = {way} set {change};")
                .unwrap();
        }
        self.0[1].run(&(sql + "analyze table items"));
    }

    /// Makes the target what the source is.
    fn mend(&self) {
        self.0[1].run(
            "set sql_log_bin = 0; use bench;
             delete t from items t join aside.picked p on t.id = p.id;
             delete t from items t join aside.picked p on t.id = p.id + 1;
             insert into items select * from aside.kept; drop database aside",
        );
    }

    fn ends(&self) -> [End; 2] {
        [0, 1].map(|at| End { port: self.0[at].port, pid: self.0[at].pid() })
    }
}

fn url(port: u16) -> String {
    format!("mysql://{ADMIN}:secret@127.0.0.1:{port}/bench")
}

fn asking(port: u16, sql: &str) -> String {
    format!(
        "exec mariadb --no-defaults -h 127.0.0.1 -P {port} -u {ADMIN} -psecret -N -B --quick -e \"{sql}\" bench"
    )
}

fn side(port: u16) -> String {
    asking(port, "select * from items order by id")
}

/// The least that hashes every row: one crc32 of it, on both sides at the same time.
fn floor<'a>() -> Client<'a> {
    let sql = format!("select count(*), bit_xor(crc32(concat_ws('#', {NAMES}))) from items");
    Client {
        name: "floor",
        shown: "one crc32 a row".to_owned(),
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

/// It prints what would make the target the same; it ends with 2 where there is something to do.
fn table_sync(found: &Found) -> Client<'_> {
    Client {
        name: "pt-table-sync",
        shown: found.shown.clone(),
        exits: &[2],
        commands: Box::new(|ports| {
            let mut command = Command::new(&found.path);
            let end = |port| format!("h=127.0.0.1,P={port},u={ADMIN},p=secret,D=bench,t=items");
            command.arg("--print").args(ports.map(end));
            vec![command]
        }),
    }
}
