//! A session of somebody in a PostgreSQL server.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::postgres::Postgres;
use super::wait;

/// A session of an application that stays, and does what it is told.
pub(crate) struct Session {
    child: std::process::Child,
}

impl Session {
    /// As an account, under a name of its own.
    pub(crate) fn of(server: &Postgres, account: &str, name: &str) -> Session {
        let mut session = Session {
            child: Command::new("psql")
                .args(["-XAtq", &server.url("shop", account)])
                .env("PGAPPNAME", name)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        };
        session.run("select 1");
        wait("the session is there", || {
            let sql = format!(
                "select count(*) from pg_stat_activity where application_name = '{name}' and query = 'select 1;'"
            );
            (server.sql("shop", &sql) == "1").then_some(())
        });
        session
    }

    /// Runs a statement.
    pub(crate) fn run(&mut self, sql: &str) {
        let _gone = writeln!(self.child.stdin.as_mut().unwrap(), "{sql};");
    }

    /// Runs it again and again.
    pub(crate) fn run_on(&mut self, sql: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{sql} \\watch 0.3").unwrap();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}
