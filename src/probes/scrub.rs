//! Keeps revealed secrets out of everything that comes back from the world.
//!
//! Owns the values that a look has revealed, only as long as the look lasts. What they become elsewhere
//! (a digest of one, one cut in two by the far side) is out of its reach: it knows the value as it is, and
//! the three forms in which servers and tools like to repeat it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Shorter values are not looked for: they would blot out ordinary text and say more by their gaps.
const SHORTEST: usize = 4;

/// Stands where a secret stood.
const BLOT: &str = "•••";

/// The values that may not be seen.
#[derive(Default)]
pub(crate) struct Scrub {
    forms: Vec<String>,
}

impl Scrub {
    /// From now on this value is blotted out.
    pub(crate) fn add(&mut self, value: &str) {
        if value.len() < SHORTEST {
            return;
        }
        let quoted = Value::String(value.to_owned()).to_string();
        let forms = [
            value.to_owned(),
            quoted.trim_matches('"').to_owned(),
            percent(value),
            STANDARD.encode(value).trim_end_matches('=').to_owned(),
            URL_SAFE_NO_PAD.encode(value),
            percent(value).replace("%20", "+"),
            page(value, "&#39;"),
            page(value, "&#x27;"),
        ];
        for form in forms {
            if !self.forms.contains(&form) {
                self.forms.push(form);
            }
        }
        // The longest first, so that a form that holds another leaves nothing of itself behind.
        self.forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    }

    /// The text without any of the values.
    pub(crate) fn text(&self, text: String) -> String {
        self.forms.iter().fold(text, |text, form| {
            if text.contains(form.as_str()) { text.replace(form.as_str(), BLOT) } else { text }
        })
    }

    /// Anything serializable, with every text in it scrubbed: no field can be forgotten this way.
    pub(crate) fn all<T: Serialize + DeserializeOwned>(&self, it: T) -> Result<T, serde_json::Error> {
        if self.forms.is_empty() {
            return Ok(it);
        }
        let mut value = serde_json::to_value(it)?;
        self.value(&mut value);
        serde_json::from_value(value)
    }

    fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(std::mem::take(text)),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.value(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// As a page shows it.
fn page(value: &str, quote: &str) -> String {
    let plain = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    plain.replace('"', "&quot;").replace('\'', quote)
}

/// As it stands in an address.
pub(super) fn percent(value: &str) -> String {
    use std::fmt::Write as _;
    value.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_blotted_out_in_every_form_it_is_repeated_in() {
        let mut scrub = Scrub::default();
        scrub.add("p\"w/s3cret");
        for shown in [
            "user=p\"w/s3cret;".to_owned(),
            r#"{"pw":"p\"w/s3cret"}"#.to_owned(),
            "?pw=p%22w%2Fs3cret&".to_owned(),
            format!("Basic {}", STANDARD.encode("p\"w/s3cret")),
            "<b>p&quot;w/s3cret</b>".to_owned(),
        ] {
            let clean = scrub.text(shown.clone());
            assert!(clean.contains(BLOT), "{shown} became {clean}");
            assert!(!clean.contains("s3cret"), "{shown} became {clean}");
        }
    }

    #[test]
    fn every_text_of_a_value_is_scrubbed() {
        let mut scrub = Scrub::default();
        scrub.add("hunter22");
        let it: Result<Vec<String>, String> = Ok(vec!["a hunter22 b".to_owned(), "c".to_owned()]);
        assert_eq!(scrub.all(it).unwrap(), Ok(vec!["a ••• b".to_owned(), "c".to_owned()]));
    }

    #[test]
    fn a_value_too_short_to_be_one_is_left_alone() {
        let mut scrub = Scrub::default();
        scrub.add("abc");
        assert_eq!(scrub.text("abcabc".to_owned()), "abcabc");
    }
}
