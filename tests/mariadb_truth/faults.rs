//! What can be wrong with a replica.

use std::time::Duration;

use mysql_async::Conn;

use super::gauge::faults::each_is_named;
use super::gauge::truth::Line as _;
use super::mariadb::MariaDb;
use super::servers::wait;
use super::servers::way::Way;
use super::trouble::{Fault, deed};
use super::{By, POSITION, again_from, following, gauge};

struct World {
    source: MariaDb,
    target: MariaDb,
    /// It has nothing to do with the two.
    other: MariaDb,
    way: Way,
    crowd: Vec<Conn>,
    /// Where the target stood before the last fault.
    before: String,
}

impl World {
    /// Ends the sessions of the gauge, as time would.
    fn forgotten(server: &MariaDb) {
        let all = "select concat('kill ', id, ';') from information_schema.processlist where user = 'gauge'";
        server.run(&server.run(all));
    }

    /// All of an account connect to the target who can, and stay.
    async fn crowd(&mut self, account: &str) {
        while let Some(line) = Conn::connect(&self.target.url(account, "shop")).await {
            self.crowd.push(line);
        }
    }

    /// A row of this number from the source.
    fn insert(&self, number: u32) {
        self.source.run(&format!("insert into shop.numbered values (8, {number}, 'wanted')"));
    }

    fn arrived(&self, number: u32) {
        wait("it goes on", || {
            let count = format!("select count(*) from shop.numbered where w = 8 and n = {number}");
            (self.target.run(&count) == "1").then_some(())
        });
    }

    /// A row that cannot be applied.
    fn conflict(&self, number: u32) {
        self.target.run(&format!(
            "set sql_log_bin = 0; insert into shop.numbered values (8, {number}, 'in the way')"
        ));
        self.insert(number);
        self.stops_at("SQL", "1062");
    }

    fn stops_at(&self, thread: &str, number: &str) {
        self.says(&format!("Last_{thread}_Errno: {number}"));
    }

    fn says(&self, field: &str) {
        wait(field, || {
            let status = ["--column-names", "-E", "-e", "show all slaves status"];
            let said = self.target.client().args(status).output().unwrap();
            String::from_utf8_lossy(&said.stdout).contains(field).then_some(())
        });
    }

    fn applied(&self) -> String {
        self.target.run("select @@gtid_slave_pos")
    }

    fn position(&self) -> String {
        self.source.run(POSITION)
    }

    /// Applies again what came after the last fault began, and nothing stands in the way.
    fn again(&self) {
        again_from(&self.before, &self.source, &self.target);
    }

    /// Makes the copy anew, of nothing.
    fn anew(&self) {
        self.target.run("stop slave");
        for server in [&self.source, &self.target] {
            server.run("set sql_log_bin = 0; delete from shop.numbered; delete from cutover.marker");
        }
        self.target.run(&format!(
            "reset slave; reset master; set global gtid_slave_pos = '{}'; start slave",
            self.position()
        ));
    }

    fn rule(&self, rule: &str) {
        self.target.run(&format!("stop slave; set global {rule}; start slave"));
    }

    fn feed_from(&self, server: &MariaDb) {
        self.target.run(&format!("stop slave; change master to master_port = {}; start slave", server.port));
        self.says("Slave_IO_Running: Yes");
    }
}

const FAULTS: &[Fault<World>] = &[
    Fault {
        name: "the target is killed",
        make: deed!(w, w.target.kill()),
        words: &["not reachable: target", "refused"],
        mend: deed!(w, {
            w.target.up();
            w.target.run("start slave");
        }),
    },
    Fault {
        name: "the source is killed",
        make: deed!(w, w.source.kill()),
        words: &["not reachable: source"],
        mend: deed!(w, w.source.up()),
    },
    Fault {
        name: "the target is stopped",
        make: deed!(w, w.target.freeze(true)),
        words: &["target: no answer to connecting"],
        mend: deed!(w, w.target.freeze(false)),
    },
    Fault {
        name: "the source is stopped",
        make: deed!(w, w.source.freeze(true)),
        words: &["source: no answer to connecting"],
        mend: deed!(w, w.source.freeze(false)),
    },
    Fault {
        name: "the source is behind a black hole",
        make: deed!(w, w.way.shut(true)),
        words: &["source: no answer to connecting"],
        mend: deed!(w, w.way.shut(false)),
    },
    Fault {
        name: "the account has no connection left",
        make: deed!(w, {
            w.target.run("set sql_log_bin = 0; alter user gauge@'%' with max_user_connections 1");
            World::forgotten(&w.target);
            w.crowd("gauge").await;
        }),
        words: &["target: connecting was refused", "'max_user_connections'", "(1226)"],
        mend: deed!(w, {
            w.crowd.clear();
            w.target.run("set sql_log_bin = 0; alter user gauge@'%' with max_user_connections 0");
        }),
    },
    Fault {
        name: "nobody has a connection left",
        make: deed!(w, {
            World::forgotten(&w.target);
            w.target.run("set global max_connections = 10");
            w.crowd("crowd").await;
        }),
        words: &["target: connecting was refused", "Too many connections (1040)"],
        mend: deed!(w, {
            w.crowd.clear();
            w.target.run("set global max_connections = 100");
        }),
    },
    Fault {
        name: "the password is another one",
        make: deed!(w, {
            w.target.run("set sql_log_bin = 0; alter user gauge@'%' identified by 'another'");
            World::forgotten(&w.target);
        }),
        words: &["target: connecting was refused", "Access denied for user 'gauge'", "(1045)"],
        mend: deed!(w, w.target.run("set sql_log_bin = 0; alter user gauge@'%' identified by 'secret'")),
    },
    Fault {
        name: "replication is stopped",
        make: deed!(w, w.target.run("stop slave")),
        words: &["the SQL thread, which applies, is stopped: start it"],
        mend: deed!(w, w.target.run("start slave")),
    },
    Fault {
        name: "the SQL thread is stopped",
        make: deed!(w, w.target.run("stop slave sql_thread")),
        words: &["the SQL thread, which applies, is stopped: start it"],
        mend: deed!(w, w.target.run("start slave sql_thread")),
    },
    Fault {
        name: "the IO thread is stopped",
        make: deed!(w, w.target.run("stop slave io_thread")),
        words: &["the IO thread, which fetches, is stopped: start it"],
        mend: deed!(w, w.target.run("start slave io_thread")),
    },
    Fault {
        name: "the password of replication is another one",
        make: deed!(w, {
            w.source.run("set sql_log_bin = 0; alter user repl@'%' identified by 'another'");
            w.target.run("stop slave; start slave");
            w.stops_at("IO", "1045");
        }),
        words: &[
            "the IO thread cannot connect, error 1045",
            "'repl@127.0.0.1",
            "Access denied for user 'repl'",
        ],
        mend: deed!(w, w.source.run("set sql_log_bin = 0; alter user repl@'%' identified by 'secret'")),
    },
    Fault {
        name: "the applier is stuck on a conflict",
        make: deed!(w, w.conflict(1)),
        words: &[
            "the SQL thread, which applies, stopped at error 1062",
            "shop.numbered",
            "Duplicate entry '8-1'",
        ],
        mend: deed!(w, {
            w.target.run("set sql_log_bin = 0; delete from shop.numbered where w = 8 and n = 1");
            w.target.run("start slave");
        }),
    },
    Fault {
        name: "a transaction was skipped",
        make: deed!(w, {
            w.before = w.applied();
            w.conflict(2);
            w.target.run("set global sql_slave_skip_counter = 1; start slave");
            w.insert(3);
            w.arrived(3);
        }),
        words: &["is not in the target's log: skipped"],
        mend: deed!(w, w.again()),
    },
    Fault {
        name: "the position was moved by hand",
        make: deed!(w, {
            w.target.run("stop slave");
            w.before = w.applied();
            w.insert(4);
            w.insert(5);
            w.target.run(&format!("set global gtid_slave_pos = '{}'; start slave", w.position()));
            w.insert(6);
            w.arrived(6);
        }),
        words: &["is not in the target's log: skipped"],
        mend: deed!(w, w.again()),
    },
    Fault {
        name: "the position was moved by hand, and nothing came since",
        make: deed!(w, {
            w.target.run("stop slave");
            w.before = w.applied();
            w.insert(7);
            w.target.run(&format!("set global gtid_slave_pos = '{}'; start slave", w.position()));
        }),
        words: &["is not in the target's log: skipped"],
        mend: deed!(w, w.again()),
    },
    Fault {
        name: "a table is left out",
        make: deed!(w, w.rule("replicate_ignore_table = 'shop.numbered'")),
        words: &["table numbered does not travel: replicate_ignore_table leaves it out"],
        mend: deed!(w, w.rule("replicate_ignore_table = ''")),
    },
    Fault {
        name: "a database is left out",
        make: deed!(w, w.rule("replicate_do_db = 'another'")),
        words: &["table numbered does not travel: replicate_do_db leaves it out"],
        mend: deed!(w, {
            w.rule("replicate_do_db = ''");
            w.anew();
        }),
    },
    Fault {
        name: "the log that is needed is purged",
        make: deed!(w, {
            w.target.run("stop slave");
            w.insert(9);
            w.source.run("flush binary logs");
            let status = w.source.run("show master status");
            let file = status.split_whitespace().next().unwrap();
            wait("it is purged", || {
                w.source.run(&format!("purge binary logs to '{file}'"));
                (w.source.run("show binary logs").lines().count() == 1).then_some(())
            });
            w.target.run("start slave");
            w.stops_at("IO", "1236");
        }),
        words: &[
            "the IO thread, which fetches, stopped at error 1236",
            "Could not find GTID state requested",
        ],
        mend: deed!(w, w.anew()),
    },
    Fault {
        name: "the source was reset",
        make: deed!(w, w.source.run("reset master")),
        words: &["target: it has applied 1-1-", "which the log of source does not have"],
        mend: deed!(w, w.anew()),
    },
    Fault {
        name: "the target follows another server",
        make: deed!(w, w.feed_from(&w.other)),
        words: &["target: it is fed by server 3 at 127.0.0.1", "source is server 1"],
        mend: deed!(w, w.feed_from(&w.source)),
    },
    Fault {
        name: "a domain is out of order",
        make: deed!(w, {
            let errant = "set gtid_domain_id = 1, gtid_seq_no = 1000000; insert into shop.numbered values (7, 7, 'errant')";
            w.target.run(errant);
            w.insert(10);
            w.stops_at("SQL", "1950");
        }),
        words: &["the SQL thread, which applies, stopped at error 1950", "out-of-order"],
        mend: deed!(w, w.anew()),
    },
];

/// An account of its own with the rights that a gauge needs, and none that has connections kept for it.
fn account(server: &MariaDb) {
    server.run(
        "set sql_log_bin = 0; create user gauge@'%' identified by 'secret'; create user crowd@'%' identified by 'secret';
         grant process, binlog monitor, replica monitor, replication slave, select on *.* to gauge@'%'; grant select on shop.* to crowd@'%';
         grant all on cutover.* to gauge@'%'",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_named_by_the_second_look_and_is_good_again_when_it_is_mended() {
    let (source, target) = following(By::Gtid, &[]);
    let other = MariaDb::start(3, &["--gtid-domain-id=3"]);
    account(&source);
    account(&target);
    let way = Way::to(source.port, Duration::ZERO);
    let address = |port: u16| format!("mysql://gauge:secret@127.0.0.1:{port}/shop");
    let gauge = gauge([&address(way.port), &address(target.port)]);
    let mut world = World { source, target, other, way, crowd: Vec::new(), before: String::new() };
    each_is_named(&gauge, &mut world, FAULTS).await;
}
