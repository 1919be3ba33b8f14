//! Exchanges over HTTP: one, or a flow of several as one user makes them.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Expect;
use crate::plan::secret::Template;

/// One exchange, or several with what is carried from one to the next: cookies, and what each keeps.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HttpProbe {
    /// At least one, in order; the first that is not as expected ends it.
    pub requests: Vec<HttpRequest>,
    /// A PEM file of roots to trust instead of the system's.
    pub ca: Option<String>,
    /// `host` or `host:port` to which a link that was kept may lead, beside those that its requests name.
    pub hosts: Vec<String>,
}

/// One request, and what its answer must be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HttpRequest {
    /// `GET`, `HEAD`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: String,
    /// Where. A link that was kept may be relative to the address that answered with it.
    pub url: Template,
    /// Header lines.
    pub headers: Vec<(String, Template)>,
    /// What is sent.
    pub body: Option<Body>,
    /// It may take this long; what is left of the probe's time where `None`.
    pub timeout: Option<Duration>,
    /// What must come back.
    pub expect: Expect,
    /// What later requests of the flow may use, by name.
    pub keep: Vec<(String, Keep)>,
}

/// What is sent with a request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Body {
    /// As it stands.
    Text(Template),
    /// The fields of a form.
    Form(Vec<(String, Template)>),
    /// A document.
    Json(Json),
}

/// A JSON document whose texts may hold references.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Json {
    /// A text.
    Text(Template),
    /// A list.
    List(Vec<Json>),
    /// An object, in the order of the plan.
    Table(Vec<(String, Json)>),
    /// A number, true or false.
    Plain(serde_json::Value),
}

/// Where in an answer that stands which is carried on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Keep {
    /// The value at a JSON pointer.
    Json(String),
    /// A header.
    Header(String),
    /// A cookie that the answer, or one before, has set.
    Cookie(String),
    /// What the one group of a regular expression matches first in the body.
    Match(String),
}

/// A status that is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// Exactly this one.
    Code(u16),
    /// All that begin with this digit.
    Class(u16),
}

impl HttpProbe {
    /// One exchange by itself.
    pub fn of(request: HttpRequest, ca: Option<String>) -> HttpProbe {
        HttpProbe { requests: vec![request], ca, hosts: Vec::new() }
    }

    /// The same with other templates.
    ///
    /// # Errors
    /// The first that `other` gives.
    pub fn with<E>(&self, other: &mut dyn FnMut(&Template) -> Result<Template, E>) -> Result<HttpProbe, E> {
        let requests = self.requests.iter().map(|request| request.with(other)).collect::<Result<_, E>>()?;
        Ok(HttpProbe { requests, ..self.clone() })
    }
}

impl HttpRequest {
    /// Asks for what stands there.
    pub fn get(url: Template) -> HttpRequest {
        HttpRequest {
            method: "GET".to_owned(),
            url,
            headers: Vec::new(),
            body: None,
            timeout: None,
            expect: Expect::default(),
            keep: Vec::new(),
        }
    }

    fn with<E>(&self, other: &mut dyn FnMut(&Template) -> Result<Template, E>) -> Result<HttpRequest, E> {
        let body = match &self.body {
            None => None,
            Some(Body::Text(text)) => Some(Body::Text(other(text)?)),
            Some(Body::Form(fields)) => Some(Body::Form(pairs(fields, other)?)),
            Some(Body::Json(json)) => Some(Body::Json(json.with(other)?)),
        };
        Ok(HttpRequest {
            url: other(&self.url)?,
            headers: pairs(&self.headers, other)?,
            body,
            ..self.clone()
        })
    }
}

fn pairs<E>(
    all: &[(String, Template)],
    other: &mut dyn FnMut(&Template) -> Result<Template, E>,
) -> Result<Vec<(String, Template)>, E> {
    all.iter().map(|(name, value)| Ok((name.clone(), other(value)?))).collect()
}

impl Json {
    fn with<E>(&self, other: &mut dyn FnMut(&Template) -> Result<Template, E>) -> Result<Json, E> {
        Ok(match self {
            Json::Text(text) => Json::Text(other(text)?),
            Json::List(list) => {
                Json::List(list.iter().map(|item| item.with(other)).collect::<Result<_, E>>()?)
            }
            Json::Table(table) => {
                let entry = |(key, value): &(String, Json)| Ok((key.clone(), value.with(other)?));
                Json::Table(table.iter().map(entry).collect::<Result<_, E>>()?)
            }
            Json::Plain(_) => self.clone(),
        })
    }
}

impl Status {
    /// A single one, if it is one.
    pub fn code(code: i64) -> Option<Status> {
        u16::try_from(code).ok().filter(|code| (100..=599).contains(code)).map(Status::Code)
    }

    /// `2xx`, if it is one.
    pub fn class(text: &str) -> Option<Status> {
        let digit = text.strip_suffix("xx")?.parse().ok()?;
        (text.len() == 3 && (1..=5).contains(&digit)).then_some(Status::Class(digit))
    }

    /// Whether an answer has it.
    pub fn is(self, code: u16) -> bool {
        match self {
            Status::Code(one) => one == code,
            Status::Class(digit) => code / 100 == digit,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Status::Code(code) => write!(f, "{code}"),
            Status::Class(digit) => write!(f, "{digit}xx"),
        }
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Json::Text(text) => write!(f, "{}", serde_json::Value::String(text.to_string())),
            Json::Plain(value) => write!(f, "{value}"),
            Json::List(list) => {
                f.write_str("[")?;
                for (at, item) in list.iter().enumerate() {
                    write!(f, "{}{item}", if at == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Json::Table(table) => {
                f.write_str("{")?;
                for (at, (key, value)) in table.iter().enumerate() {
                    let key = serde_json::Value::String(key.clone());
                    write!(f, "{}{key}:{value}", if at == 0 { "" } else { "," })?;
                }
                f.write_str("}")
            }
        }
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Keep::Json(pointer) => write!(f, "{pointer} of the answer"),
            Keep::Header(name) => write!(f, "the header {name}"),
            Keep::Cookie(name) => write!(f, "the cookie {name}"),
            Keep::Match(pattern) => write!(f, "what matches {pattern}"),
        }
    }
}
