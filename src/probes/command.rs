//! A command whose answer is looked at: its exit, its text, a number in its JSON.
//!
//! A command that exits otherwise than asked has answered where the exit is the question; where a value is
//! the question it has failed to answer. One that never ran, or was killed, has said nothing either way.

use std::time::Duration;

use super::expect::{self, Answer, asks_for_body};
use super::look::{Look, fail, failed};
use super::words::line;
use crate::engine::reading::{Measure, Unmeasured};
use crate::plan::model::{CommandLine, CommandProbe};
use crate::process::{self, Ended, Env, Finished, Limits, Spec};

/// A look that is given up leaves its command so long to end by itself.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// What a command that ran to its end has left.
pub(super) struct Ran {
    pub(super) code: i32,
    finished: Finished,
}

impl Ran {
    /// Its output, or why it is not known whole.
    pub(super) fn output(&self) -> Result<String, &'static str> {
        match self.finished.stdout.whole() {
            Some(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            None => Err("the output is longer than 1 MiB: not all of it is known"),
        }
    }

    /// `exit 3`, and the last thing it said.
    pub(super) fn said(&self) -> String {
        let last = |text: &str| text.lines().rev().map(|l| line(l, 100)).find(|l| !l.is_empty());
        let finished = &self.finished;
        match last(&finished.stderr.text()).or_else(|| last(&finished.stdout.text())) {
            Some(last) => format!("exit {}: {last}", self.code),
            None => format!("exit {}", self.code),
        }
    }

    /// What it printed, as bytes and all of it; `None` where there was more than is kept.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        self.finished.stdout.whole()
    }

    /// What is kept of what it printed.
    pub(super) fn printed(&self) -> String {
        self.finished.stdout.text()
    }
}

/// Runs a command to its end.
///
/// # Errors
/// It never ran, was killed, or took too long: there is no answer.
pub(super) async fn run(look: &mut Look<'_>, command: &CommandLine) -> Result<Ran, Unmeasured> {
    let mut env = Env::new();
    for (name, value) in &command.env {
        let value = look.reveal(value)?;
        env.set(name, value.expose()).map_err(|why| Unmeasured::Failed(why.to_string()))?;
    }
    run_with(look, &command.argv, env).await
}

/// The same for a command of our own making.
pub(super) async fn run_with(look: &mut Look<'_>, argv: &[String], env: Env) -> Result<Ran, Unmeasured> {
    let finished = finished(look, argv, env, Limits::default()).await?;
    look.keep(&finished.stdout.text());
    if finished.stderr.total() > 0 {
        look.keep("--- errors ---");
        look.keep(&finished.stderr.text());
    }
    ended(look, finished)
}

/// The same where what it prints is not for the screen: it may be long, or hold secrets.
pub(super) async fn quietly(
    look: &Look<'_>,
    argv: &[String],
    env: Env,
    limits: Limits,
) -> Result<Ran, Unmeasured> {
    let finished = finished(look, argv, env, limits).await?;
    ended(look, finished)
}

/// Runs it, however it ends.
pub(super) async fn finished(
    look: &Look<'_>,
    argv: &[String],
    env: Env,
    limits: Limits,
) -> Result<Finished, Unmeasured> {
    let spec = Spec::new(argv, &look.ctx.root, look.timeout)
        .map_err(|why| Unmeasured::Failed(why.to_string()))?
        .env(env)
        .grace(GRACE);
    Ok(process::run(&spec, limits).await)
}

/// What it has left, where it ran to its end.
pub(super) fn ended(look: &Look<'_>, finished: Finished) -> Result<Ran, Unmeasured> {
    match &finished.ended {
        // A shell's words for *cannot be run* and *not found*.
        Ended::Code(code @ (126 | 127)) => failed(Ran { code: *code, finished }.said()),
        Ended::Code(code) => Ok(Ran { code: *code, finished }),
        Ended::TimedOut => Err(super::timed_out(look.timeout)),
        Ended::Signal(_) | Ended::NotStarted(_) | Ended::Lost(_) => failed(finished.ended.to_string()),
    }
}

/// The words of a command, as they would be typed.
pub(super) fn typed(argv: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    let word = |a: &String| {
        if !a.is_empty() && a.chars().all(plain) {
            a.clone()
        } else {
            format!("'{}'", a.replace('\'', "'\\''"))
        }
    };
    argv.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// Runs the command and looks at its answer.
pub(super) async fn look(look: &mut Look<'_>, probe: &CommandProbe) -> Result<Measure, Unmeasured> {
    look.ask(typed(&probe.command.argv));
    let ran = run(look, &probe.command).await?;
    let expect = &probe.expect;
    let wanted = expect.exit.unwrap_or(0);
    if ran.code != wanted {
        return if expect.exit.is_some() || !asks_for_body(expect) {
            Ok(fail(format!("{}, expected exit {wanted}", ran.said())))
        } else {
            failed(ran.said())
        };
    }
    let output = ran.output();
    let lead = if asks_for_body(expect) { String::new() } else { format!("exit {}", ran.code) };
    expect::judge(expect, &Answer { body: output.as_deref().map_err(|why| *why), lead })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_they_would_have_to_be_typed() {
        let argv = ["sh", "-c", "it's; rm", "", "a/b.c"].map(str::to_owned);
        assert_eq!(typed(&argv), "sh -c 'it'\\''s; rm' '' a/b.c");
    }
}
