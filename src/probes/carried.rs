//! What one request of a flow keeps for those after it. All of it counts as a secret.

use regex::Captures;
use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

use super::expect;
use super::http::Answered;
use crate::engine::reading::Unmeasured;
use crate::plan::model::Keep;

/// The values, by name, each with the address that answered with it; the latest of a name counts.
#[derive(Default)]
pub(super) struct Carried(Vec<(String, Value, Url)>);

impl Carried {
    /// What is kept under this name, as a text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.value(name).map(text)
    }

    /// The same as it stood in the answer: a number stays a number.
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.latest(name).map(|(_, value, _)| value)
    }

    /// The same as a link of the page that it stood on; `None` where nothing is kept or it is no link.
    pub(super) fn link(&self, name: &str) -> Option<(&Url, Url)> {
        let (_, value, page) = self.latest(name)?;
        Some((page, page.join(&text(value)).ok()?))
    }

    fn latest(&self, name: &str) -> Option<&(String, Value, Url)> {
        self.0.iter().rev().find(|(kept, ..)| kept == name)
    }

    pub(super) fn put(&mut self, name: &str, value: Value, page: &Url) {
        self.0.push((name.to_owned(), value, page.clone()));
    }
}

/// A text, or a number or flag as one.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What was found: the value, and as it was written in the answer.
pub(super) struct Found {
    pub(super) value: Value,
    pub(super) written: String,
}

/// Looks for it in an answer; `Ok(Err(…))` is an answer without it, and says so.
pub(super) fn find(keep: &Keep, answered: &Answered) -> Result<Result<Found, String>, Unmeasured> {
    let body = || answered.body().map_err(|why| Unmeasured::Failed(why.to_owned()));
    let found = match keep {
        Keep::Json(pointer) => match expect::parsed(body()?)?.pointer(pointer) {
            None => return Ok(Err(format!("{pointer} is not in the answer"))),
            Some(Value::Null) => return Ok(Err(format!("{pointer} is null"))),
            Some(Value::Array(_)) => return Ok(Err(format!("{pointer} is a list: one value is kept"))),
            Some(Value::Object(_)) => return Ok(Err(format!("{pointer} is an object: one value is kept"))),
            Some(value @ (Value::String(_) | Value::Number(_) | Value::Bool(_))) => value.clone(),
        },
        Keep::Header(name) => match answered.headers.get(name).map(|value| value.to_str()) {
            None => return Ok(Err(format!("there is no header {name}"))),
            Some(Err(_)) => return Ok(Err(format!("the header {name} is no text"))),
            Some(Ok(text)) => text.into(),
        },
        Keep::Cookie(name) => match answered.cookie(name) {
            None => return Ok(Err(format!("no cookie {name} was set"))),
            Some(text) => text.into(),
        },
        Keep::Match(pattern) => {
            let read = expect::read(pattern)?;
            match read.captures(body()?).and_then(|found| found.get(1)) {
                None => return Ok(Err(format!("nothing in the answer matches {pattern}"))),
                Some(group) => {
                    let written = group.as_str().to_owned();
                    let plain = if is_html(answered) { unescaped(&written) } else { written.clone() };
                    return Ok(kept(keep, Found { value: plain.into(), written }));
                }
            }
        }
    };
    let written = text(&found);
    Ok(kept(keep, Found { value: found, written }))
}

fn kept(keep: &Keep, found: Found) -> Result<Found, String> {
    if found.written.is_empty() { Err(format!("{keep} is empty")) } else { Ok(found) }
}

fn is_html(answered: &Answered) -> bool {
    let kind = answered.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.contains("html"))
}

/// What stands in a page as `&amp;` or `&#43;`, as the browser reads it.
fn unescaped(text: &str) -> String {
    let Ok(entities) = regex::Regex::new("&(?:#([0-9]{1,7})|#[xX]([0-9a-fA-F]{1,6})|(amp|lt|gt|quot|apos));")
    else {
        return text.to_owned();
    };
    let plain = |found: &Captures<'_>| {
        let group = |at| found.get(at).map(|group| group.as_str());
        let code = group(1).map(str::parse);
        let code = code.or_else(|| group(2).map(|text| u32::from_str_radix(text, 16)));
        let character = match (code, group(3)) {
            (Some(code), _) => code.ok().and_then(char::from_u32),
            (None, Some("amp")) => Some('&'),
            (None, Some("lt")) => Some('<'),
            (None, Some("gt")) => Some('>'),
            (None, Some("quot")) => Some('"'),
            (None, _) => Some('\''),
        };
        character.map_or_else(|| found[0].to_owned(), String::from)
    };
    entities.replace_all(text, plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_escapes_is_read_as_a_browser_reads_it() {
        assert_eq!(unescaped("/auth?a=1&amp;b=2"), "/auth?a=1&b=2");
        assert_eq!(unescaped("q&#x2B;w&#43;e&#x3D;&quot;&apos;&lt;&gt;"), "q+w+e=\"'<>");
        assert_eq!(unescaped("&amp;amp; &nbsp; &#x110000; & &;"), "&amp; &nbsp; &#x110000; & &;");
    }

    #[test]
    fn the_latest_of_a_name_counts() {
        let mut carried = Carried::default();
        let page = Url::parse("https://shop.test/a/b?c").unwrap();
        carried.put("csrf", "old".into(), &page);
        carried.put("id", 17.into(), &page);
        carried.put("csrf", "new".into(), &page);
        assert_eq!(carried.text("csrf").as_deref(), Some("new"));
        assert_eq!((carried.text("id").as_deref(), carried.value("id")), (Some("17"), Some(&17.into())));
        assert_eq!(carried.text("other"), None);
        assert_eq!(carried.link("id").unwrap().1.as_str(), "https://shop.test/a/17");
    }
}
