//! What an answer must look like: exit, status, text, JSON, a number.
//!
//! Owns the judgement and its wording, for commands, HTTP and SQL alike. An answer that cannot be read the
//! way the plan wants it read is no measure at all: junk is never zero, never small, never good. Values stay
//! out of the wording except numbers, since what is said here goes into the record.

use regex::Regex;
use serde_json::Value;

use super::look::{fail, failed};
use super::words::line;
use crate::engine::reading::{Facts, Measure, Unmeasured};
use crate::plan::model::Expect;

/// What came back.
pub(crate) struct Answer<'a> {
    /// All of it; `Err` says why it is not known whole.
    pub(crate) body: Result<&'a str, &'a str>,
    /// How it is introduced: `exit 0`, `200`.
    pub(crate) lead: String,
}

/// Whether anything beyond exit or status is asked.
pub(crate) fn asks_for_body(expect: &Expect) -> bool {
    let Expect { text, matches, is, .. } = expect;
    text.is_some()
        || matches.is_some()
        || is.is_some()
        || !(expect.json.is_empty() && expect.has.is_empty())
        || asks_for_number(expect)
}

fn asks_for_number(expect: &Expect) -> bool {
    expect.at_most.is_some() || expect.at_least.is_some() || expect.number.is_some()
}

/// Everything about the body that the plan names; the caller has judged exit or status.
pub(crate) fn judge(expect: &Expect, answer: &Answer<'_>) -> Result<Measure, Unmeasured> {
    if !asks_for_body(expect) {
        return Ok(Measure { pass: true, text: answer.lead.clone(), facts: Facts::Plain });
    }
    let body = answer.body.map_err(|why| Unmeasured::Failed(why.to_owned()))?;
    let mut said = Vec::new();
    if !answer.lead.is_empty() {
        said.push(answer.lead.clone());
    }
    if let Some(text) = &expect.text {
        if !body.contains(text.as_str()) {
            return Ok(fail(joined(&said, &format!("“{}” is not in the answer", line(text, 60)))));
        }
        said.push(line(text, 60));
    }
    if let Some(pattern) = &expect.matches {
        let shown = line(pattern, 60);
        if !read(pattern)?.is_match(body) {
            return Ok(fail(joined(&said, &format!("nothing in the answer matches {shown}"))));
        }
        said.push(format!("matches {shown}"));
    }
    if let Some(is) = &expect.is {
        let got = body.trim();
        if got != is.trim() {
            return Ok(fail(joined(&said, &format!("{}, expected {}", shown(got), line(is, 60)))));
        }
        said.push(if is.trim().is_empty() { "empty".to_owned() } else { line(is, 60) });
    }
    if !(expect.json.is_empty() && expect.has.is_empty()) {
        let json = parsed(body)?;
        for (pointer, wanted) in &expect.json {
            let Some(got) = json.pointer(pointer) else {
                return Ok(fail(joined(&said, &format!("{pointer} is not in the answer"))));
            };
            if !same(got, wanted) {
                return Ok(fail(joined(&said, &format!("{pointer} is {}, expected {wanted}", kind(got)))));
            }
        }
        for pointer in &expect.has {
            match json.pointer(pointer) {
                None => return Ok(fail(joined(&said, &format!("{pointer} is not in the answer")))),
                Some(Value::Null) => return Ok(fail(joined(&said, &format!("{pointer} is null")))),
                Some(_) => {}
            }
        }
        said.push(match (expect.json.as_slice(), expect.has.as_slice()) {
            ([(pointer, value)], []) => format!("{pointer} is {value}"),
            ([], [pointer]) => format!("has {pointer}"),
            (json, has) => format!("{} values as expected", json.len() + has.len()),
        });
    }
    if !asks_for_number(expect) {
        return Ok(Measure { pass: true, text: said.join(", "), facts: Facts::Plain });
    }
    let value = number(expect, body)?;
    let (pass, text) = bounded(expect, value);
    // What is wrong is said first, and the rest, which is as it should be, not at all.
    let text = if pass { joined(&said, &text) } else { text };
    Ok(Measure { pass, text, facts: Facts::Number { value } })
}

/// The number that the bounds look at. Never guessed: a word, a blank, NaN or something beyond all
/// numbers is no answer, and neither is less than nothing where the plan does not speak of it.
fn number(expect: &Expect, body: &str) -> Result<f64, Unmeasured> {
    let value = match &expect.number {
        None => {
            let text = body.trim();
            text.parse::<f64>()
                .ok()
                .filter(|_| text.bytes().any(|b| b.is_ascii_digit()))
                .ok_or_else(|| not_a_number(text))?
        }
        Some(pointer) => {
            let json = parsed(body)?;
            let Some(at) = json.pointer(pointer) else {
                return failed(format!("{pointer} is not in the answer"));
            };
            at.as_f64()
                .ok_or_else(|| Unmeasured::Failed(format!("{pointer} is {}, not a number", kind(at))))?
        }
    };
    if !value.is_finite() {
        return Err(not_a_number(body.trim()));
    }
    if value < 0.0 && expect.at_least.is_none() {
        return failed(format!("{value} is less than nothing: give at_least if it may be"));
    }
    Ok(value)
}

fn not_a_number(text: &str) -> Unmeasured {
    Unmeasured::Failed(if text.is_empty() {
        "the answer is empty, not a number".to_owned()
    } else {
        format!("the answer is no number: {}", about(text))
    })
}

fn bounded(expect: &Expect, value: f64) -> (bool, String) {
    // A number out of an answer has a name there.
    let named = expect.number.as_ref().map_or_else(String::new, |pointer| format!("{pointer} is "));
    if let Some(most) = expect.at_most.filter(|&most| value > most) {
        return (false, format!("{named}{value}, at most {most} asked for"));
    }
    if let Some(least) = expect.at_least.filter(|&least| value < least) {
        return (false, format!("{named}{value}, at least {least} asked for"));
    }
    let limit = match (expect.at_least, expect.at_most) {
        (None, None) => String::new(),
        (None, Some(most)) => format!(", at most {most}"),
        (Some(least), None) => format!(", at least {least}"),
        (Some(least), Some(most)) => format!(", {least} to {most}"),
    };
    (true, format!("{named}{value}{limit}"))
}

/// A regular expression; `check` has read it before.
pub(super) fn read(pattern: &str) -> Result<Regex, Unmeasured> {
    Regex::new(pattern).map_err(|_| Unmeasured::Failed(format!("{pattern} is no regular expression")))
}

/// The answer as JSON.
pub(super) fn parsed(body: &str) -> Result<Value, Unmeasured> {
    serde_json::from_str(body)
        .map_err(|_| Unmeasured::Failed(format!("the answer is no JSON: {}", about(body))))
}

/// `1` and `1.0` are the same number, whichever the far side writes.
fn same(got: &Value, wanted: &Value) -> bool {
    match (got, wanted) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => got == wanted,
    }
}

/// What stands there, without telling what it says unless it is a number, a yes or a no.
fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(_) => "another text".to_owned(),
        Value::Array(_) => "another list".to_owned(),
        Value::Object(_) => "another object".to_owned(),
    }
}

/// The same for a whole answer.
fn shown(text: &str) -> String {
    match text {
        "" => "empty".to_owned(),
        _ if text.len() <= 24 && text.parse::<f64>().is_ok_and(f64::is_finite) => text.to_owned(),
        "true" | "false" | "yes" | "no" | "on" | "off" => text.to_owned(),
        _ => "another answer".to_owned(),
    }
}

/// Enough to see what kind of junk it is.
fn about(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() {
        "it is empty".to_owned()
    } else if text.starts_with('<') {
        "it is a page of markup".to_owned()
    } else if text.len() <= 16 {
        format!("“{}”", line(text, 16))
    } else {
        format!("{} of something else", crate::counts::counted(text.len() as u64, "byte", "bytes"))
    }
}

fn joined(said: &[String], last: &str) -> String {
    said.iter().map(String::as_str).chain([last]).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(expect: &Expect, body: &str) -> Result<(bool, String), Unmeasured> {
        judge(expect, &Answer { body: Ok(body), lead: "exit 0".to_owned() }).map(|m| (m.pass, m.text))
    }

    fn at_most(most: f64) -> Expect {
        Expect { at_most: Some(most), ..Expect::default() }
    }

    #[test]
    fn junk_is_never_a_number() {
        for junk in [
            "",
            " \n",
            "NaN",
            "nan",
            "inf",
            "-inf",
            "1e999",
            "-1",
            "0x10",
            "1 2",
            "<html>0</html>",
            "null",
            "ok",
        ] {
            let got = judged(&at_most(10.0), junk);
            assert!(matches!(got, Err(Unmeasured::Failed(_))), "{junk:?} gave {got:?}");
        }
        let pointer = Expect { number: Some("/lag".to_owned()), ..at_most(10.0) };
        for junk in
            ["", "<html>", "{}", r#"{"lag":null}"#, r#"{"lag":"0"}"#, r#"{"lag":1e999}"#, r#"{"lag":-1}"#]
        {
            let got = judged(&pointer, junk);
            assert!(matches!(got, Err(Unmeasured::Failed(_))), "{junk:?} gave {got:?}");
        }
    }

    #[test]
    fn a_number_stands_with_its_limit() {
        assert_eq!(judged(&at_most(10.0), " 3\n"), Ok((true, "exit 0, 3, at most 10".to_owned())));
        assert_eq!(judged(&at_most(10.0), "10.5"), Ok((false, "10.5, at most 10 asked for".to_owned())));
        let both = Expect { at_least: Some(-5.0), ..at_most(10.0) };
        assert_eq!(judged(&both, "-1"), Ok((true, "exit 0, -1, -5 to 10".to_owned())));
        assert_eq!(judged(&both, "-6"), Ok((false, "-6, at least -5 asked for".to_owned())));
        let named = Expect {
            json: vec![("/open".to_owned(), 0.into())],
            number: Some("/last".to_owned()),
            ..at_most(0.0)
        };
        assert_eq!(
            judged(&named, r#"{"open":0,"last":218}"#),
            Ok((false, "/last is 218, at most 0 asked for".to_owned()))
        );
        assert_eq!(
            judged(&named, r#"{"open":0,"last":0}"#),
            Ok((true, "exit 0, /open is 0, /last is 0, at most 0".to_owned()))
        );
        let seen = judge(&at_most(1.0), &Answer { body: Ok("0.5"), lead: String::new() }).unwrap();
        assert_eq!(seen.facts, Facts::Number { value: 0.5 });
    }

    #[test]
    fn texts_and_values_are_looked_for_and_not_told() {
        let text = Expect { text: Some("azure".to_owned()), ..Expect::default() };
        assert!(judged(&text, "we are on azure now").unwrap().0);
        assert_eq!(
            judged(&text, "dc1 of jane@example.net").unwrap().1,
            "exit 0, “azure” is not in the answer"
        );
        let is = Expect { is: Some("7".to_owned()), ..Expect::default() };
        assert_eq!(judged(&is, "7\n").unwrap(), (true, "exit 0, 7".to_owned()));
        assert_eq!(judged(&is, "8").unwrap().1, "exit 0, 8, expected 7");
        assert_eq!(judged(&is, "jane@example.net").unwrap().1, "exit 0, another answer, expected 7");
    }

    #[test]
    fn json_values_are_compared_as_values() {
        let valid = Expect {
            json: vec![("/s/ok".to_owned(), true.into()), ("/n".to_owned(), 1.into())],
            ..Expect::default()
        };
        assert_eq!(
            judged(&valid, r#"{"n":1.0,"s":{"ok":true}}"#).unwrap(),
            (true, "exit 0, 2 values as expected".to_owned())
        );
        assert_eq!(
            judged(&valid, r#"{"n":1,"s":{"ok":false}}"#).unwrap().1,
            "exit 0, /s/ok is false, expected true"
        );
        assert_eq!(
            judged(&valid, r#"{"n":1}"#).unwrap(),
            (false, "exit 0, /s/ok is not in the answer".to_owned())
        );
        assert!(matches!(judged(&valid, "<html>"), Err(Unmeasured::Failed(_))));
    }

    #[test]
    fn an_answer_that_is_not_known_whole_is_not_judged() {
        let cut = Answer { body: Err("longer than 1 MiB"), lead: "200".to_owned() };
        let text = Expect { text: Some("x".to_owned()), ..Expect::default() };
        assert_eq!(judge(&text, &cut), Err(Unmeasured::Failed("longer than 1 MiB".to_owned())));
        assert!(judge(&Expect::default(), &cut).unwrap().pass);
    }
}
