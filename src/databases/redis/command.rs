//! A command that a plan writes, as at `redis-cli`: its words, and what the server says it may do.
//!
//! Owns what counts as reading and as writing: the server's own flags of a command, not its name.
//!
//! Source: Redis' documentation, "COMMAND" (flags), "Key specifications"; `sdssplitargs` of `sds.c` for quoting.

use redis::Value as Sent;

use super::connection::{Conn, Problem, words};
use crate::databases::{Rows, Value};

/// Commands that can change nothing and have no flag that says so.
const HARMLESS: [&[&str]; 4] = [&["config", "get"], &["acl", "whoami"], &["info"], &["role"]];
/// Keeps what it has counted in the key, which travels, although it is said to be one that reads.
const KEEPS: &str = "pfcount";
/// Settings whose value lets one in.
const SECRET: [&str; 4] = ["pass", "auth", "*", "["];

/// The words of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command(Vec<String>);

impl Command {
    /// Takes a line apart: words, and texts in quotes with `\"`, `\\`, `\n`.
    pub(super) fn read(line: &str) -> Result<Command, Problem> {
        let unclosed = || Problem::broken("the command has a quote that does not end", "mend it in the plan");
        let (mut all, mut rest) = (Vec::new(), line.trim().chars().peekable());
        while rest.peek().is_some() {
            let (mut word, mut quote) = (String::new(), None);
            loop {
                match (rest.next(), quote) {
                    (None, Some(_)) => return Err(unclosed()),
                    (None, None) => break,
                    (Some(c), Some(q)) if c == q => quote = None,
                    (Some('\\'), Some('"')) => match rest.next().ok_or_else(unclosed)? {
                        'n' => word.push('\n'),
                        other => word.push(other),
                    },
                    (Some(c @ ('"' | '\'')), None) => quote = Some(c),
                    (Some(c), None) if c.is_whitespace() => break,
                    (Some(c), _) => word.push(c),
                }
            }
            all.push(word);
            while rest.next_if(|c| c.is_whitespace()).is_some() {}
        }
        if all.is_empty() {
            return Err(Problem::broken("the command is empty", "write one, such as `GET environment`"));
        }
        Ok(Command(all))
    }

    pub(super) fn words(&self) -> &[String] {
        &self.0
    }

    fn begins(&self, with: &[&str]) -> bool {
        with.len() <= self.0.len() && with.iter().zip(&self.0).all(|(a, b)| b.eq_ignore_ascii_case(a))
    }

    /// What the server says that it may do: those of the subcommand, where it has some.
    async fn flags(&self, conn: &mut Conn) -> Result<Vec<String>, Problem> {
        let name = self.0.first().map(|name| name.to_lowercase()).unwrap_or_default();
        let sub = self.0.get(1).map_or_else(|| name.clone(), |sub| format!("{name}|{}", sub.to_lowercase()));
        let Sent::Array(both) = conn.ask(&["COMMAND", "INFO", &sub, &name]).await? else {
            return Err(Problem::broken("it does not describe its commands", "check what it is"));
        };
        let described = both.into_iter().find_map(|one| match one {
            Sent::Array(parts) => parts.into_iter().nth(2).map(words),
            _ => None,
        });
        described.ok_or_else(|| {
            Problem::broken(format!("it has no command `{name}`"), "write one that the server knows")
        })
    }

    /// Whether it can only read.
    ///
    /// # Errors
    /// It may change something, or it asks for a secret.
    pub(super) async fn must_read(&self, conn: &mut Conn) -> Result<(), Problem> {
        if self.begins(&["config", "get"]) {
            let secret = |word: &String| SECRET.iter().any(|s| word.to_lowercase().contains(s));
            if self.0.len() != 3 || self.0.get(2).is_some_and(secret) {
                let next = "ask for one setting by its whole name, and for none that lets somebody in";
                return Err(Problem::broken("what is asked for may be a secret", next));
            }
        }
        if HARMLESS.iter().any(|harmless| self.begins(harmless)) {
            return Ok(());
        }
        let flags = self.flags(conn).await?;
        let has = |flag: &str| flags.iter().any(|f| f == flag);
        if has("readonly") && !has("write") && !self.begins(&[KEEPS]) {
            return Ok(());
        }
        Err(Problem::broken(
            "the command may change something",
            "write one that only reads, such as GET, EXISTS, DBSIZE, CONFIG GET or ACL WHOAMI",
        ))
    }

    /// Whether it writes.
    pub(super) async fn must_write(&self, conn: &mut Conn) -> Result<(), Problem> {
        if self.flags(conn).await?.iter().any(|flag| flag == "write") {
            return Ok(());
        }
        Err(Problem::broken(
            "the probe's command writes nothing, so it proves nothing",
            "give it one that writes, such as `SET cutover:probe 1`",
        ))
    }

    /// Runs it, where it only reads.
    pub(super) async fn query(&self, conn: &mut Conn) -> Result<Rows, Problem> {
        self.must_read(conn).await?;
        let mut answer = conn.ask(&self.0).await?;
        // A setting comes with its name.
        if self.begins(&["config", "get"])
            && let Sent::Array(pair) = answer
        {
            answer = pair.into_iter().nth(1).unwrap_or_default();
        }
        let items = match answer {
            Sent::Array(items) | Sent::Set(items) => items,
            one => vec![one],
        };
        let more = items.len() > Rows::MOST;
        let rows = items.into_iter().take(Rows::MOST).map(|item| value(item).map(|v| vec![v]));
        Ok(Rows { columns: vec!["value".to_owned()], rows: rows.collect::<Result<_, _>>()?, more })
    }
}

fn value(answer: Sent) -> Result<Value, Problem> {
    Ok(match answer {
        Sent::Nil => Value::Null,
        Sent::Int(n) => Value::Integer(n),
        Sent::Double(n) => Value::Real(n),
        Sent::Okay => Value::text("OK"),
        Sent::SimpleString(text) | Sent::VerbatimString { text, .. } => Value::text(&text),
        Sent::BulkString(bytes) if std::str::from_utf8(&bytes).is_ok() => Value::Text(bytes),
        Sent::BulkString(bytes) => Value::Blob(bytes),
        _ => {
            let next = "ask for one value, or a plain list of values";
            return Err(Problem::broken("the answer is a list of lists", next));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Vec<String> {
        Command::read(line).unwrap().0
    }

    #[test]
    fn a_line_is_taken_apart_as_at_the_prompt() {
        assert_eq!(read("  GET   environment "), ["GET", "environment"]);
        assert_eq!(read(r#"SET "a b" 'c "d"' """#), ["SET", "a b", r#"c "d""#, ""]);
        assert_eq!(read(r#"SET k "a\"b\\c\nd""#), ["SET", "k", "a\"b\\c\nd"]);
        for broken in ["", "  ", "GET 'a", r#"GET "a\"#] {
            assert!(Command::read(broken).is_err(), "{broken}");
        }
    }
}
