//! Exchanges over HTTP one after the other, as one user makes them; one by itself is the shortest of them.
//!
//! The first request whose answer is not as expected ends it, and is named. What requests keep is a secret from the
//! moment on at which it is found. A link that was kept is followed only to a host that the plan names: what is sent
//! with it may hold a secret.

use std::time::Duration;

use reqwest::{RequestBuilder, Url};
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::carried::{self, Carried, Found};
use super::expect::{self, Answer};
use super::http::{self, Answered, Browser};
use super::look::{Look, fail, failed, pass};
use super::scrub;
use super::words::{counted, line};
use crate::engine::reading::{Measure, Unmeasured};
use crate::plan::model::{Body, HttpProbe, HttpRequest, Json, Status};
use crate::plan::secret::{Part, Secret, Template};

/// A request of a flow is given up so much before the whole is, so that it can be said which one it was.
const BEFORE: u32 = 20;

/// Makes every request, and looks at every answer.
pub(super) async fn look(look: &mut Look<'_>, probe: &HttpProbe) -> Result<Measure, Unmeasured> {
    let asked: Vec<String> = probe.requests.iter().map(|r| format!("{} {}", r.method, r.url)).collect();
    look.ask(asked.join(", "));
    let until = Instant::now() + look.timeout.saturating_sub(look.timeout / BEFORE);
    let mut flow = Flow::new(look, probe)?;
    let all = probe.requests.len();
    let mut last = pass("");
    for (at, request) in probe.requests.iter().enumerate() {
        let name = if all == 1 { String::new() } else { format!("{} of {all} {}: ", at + 1, short(request)) };
        let left = (all > 1).then(|| until.saturating_duration_since(Instant::now()));
        look.apart();
        let seen = flow.request(look, request, request.timeout.into_iter().chain(left).min()).await;
        let told = match &seen {
            Ok((measure, took)) => {
                let how = if measure.pass { "" } else { "not as expected: " };
                format!("{how}{}, {} ms", measure.text, took.as_millis())
            }
            Err(why) => why.to_string(),
        };
        look.sum_up(&format!("{} {}: {told}", request.method, request.url));
        match seen {
            Ok((measure, _)) if measure.pass => last = measure,
            Ok((measure, _)) if all == 1 => return Ok(measure),
            // Which request it was is what is wrong, and a number alone would not say.
            Ok((measure, _)) => return Ok(fail(format!("{name}{}", measure.text))),
            Err(Unmeasured::NotReachable(text)) => return Err(Unmeasured::NotReachable(name + &text)),
            Err(Unmeasured::Failed(text)) => return Err(Unmeasured::Failed(name + &text)),
            Err(why @ Unmeasured::TimedOut(_)) if all == 1 => return Err(why),
            Err(why @ Unmeasured::TimedOut(_)) => return failed(format!("{name}{why}")),
        }
    }
    if all > 1 {
        last.text = format!("{}, {}", counted(all as u64, "request"), last.text);
    }
    Ok(last)
}

/// Asks once, without looking at the answer.
///
/// # Errors
/// Nobody answered, or not to the end: there is no answer.
pub(super) async fn exchange(look: &mut Look<'_>, probe: &HttpProbe) -> Result<Answered, Unmeasured> {
    let [request] = probe.requests.as_slice() else { return failed("one request is asked for") };
    Flow::new(look, probe)?.exchange(look, request).await
}

/// What one user has while it lasts.
struct Flow<'p> {
    probe: &'p HttpProbe,
    browser: Browser,
    carried: Carried,
}

impl<'p> Flow<'p> {
    fn new(look: &Look<'_>, probe: &'p HttpProbe) -> Result<Flow<'p>, Unmeasured> {
        Ok(Flow { probe, browser: Browser::new(look, probe)?, carried: Carried::default() })
    }

    /// One request within its time: what its answer is worth, and how long it took.
    async fn request(
        &mut self,
        look: &mut Look<'_>,
        request: &HttpRequest,
        most: Option<Duration>,
    ) -> Result<(Measure, Duration), Unmeasured> {
        let answered = match most {
            None => self.exchange(look, request).await?,
            Some(most) => timeout(most, self.exchange(look, request))
                .await
                .map_err(|_| super::timed_out(most))
                .and_then(|answered| answered)?,
        };
        let took = answered.took;
        let measure = judge(request, &answered)?;
        for (name, keep) in request.keep.iter().filter(|_| measure.pass) {
            match carried::find(keep, &answered)? {
                Ok(Found { value, written }) => {
                    look.hide(&written);
                    look.hide(&carried::text(&value));
                    self.carried.put(name, value, &answered.url);
                }
                Err(why) => return Ok((fail(format!("{}, {why}", answered.said())), took)),
            }
        }
        Ok((measure, took))
    }

    async fn exchange(&self, look: &mut Look<'_>, request: &HttpRequest) -> Result<Answered, Unmeasured> {
        let url = self.url(look, &request.url)?;
        let mut asking = self.browser.request(look, &request.method, url)?;
        for (name, value) in &request.headers {
            asking = http::header(asking, name, self.reveal(look, value)?.expose())?;
        }
        if let Some(body) = &request.body {
            asking = self.body(look, body, asking)?;
        }
        self.browser.send(look, asking).await
    }

    fn reveal(&self, look: &mut Look<'_>, template: &Template) -> Result<Secret, Unmeasured> {
        look.reveal_with(template, &|name| self.carried.text(name))
    }

    fn body(
        &self,
        look: &mut Look<'_>,
        body: &Body,
        request: RequestBuilder,
    ) -> Result<RequestBuilder, Unmeasured> {
        Ok(match body {
            Body::Text(text) => request.body(self.reveal(look, text)?.expose().to_owned()),
            Body::Form(fields) => {
                let mut pairs = Vec::new();
                for (name, value) in fields {
                    pairs.push((name, self.reveal(look, value)?.expose().to_owned()));
                }
                request.form(&pairs)
            }
            Body::Json(json) => request.json(&self.json(look, json)?),
        })
    }

    fn json(&self, look: &mut Look<'_>, json: &Json) -> Result<Value, Unmeasured> {
        Ok(match json {
            Json::Plain(value) => value.clone(),
            Json::Text(template) => match template.parts() {
                // What is a number there is one here.
                [Part::Kept(name)] if self.carried.value(name).is_some() => {
                    self.carried.value(name).cloned().unwrap_or_default()
                }
                _ => Value::String(self.reveal(look, template)?.expose().to_owned()),
            },
            Json::List(list) => {
                Value::Array(list.iter().map(|item| self.json(look, item)).collect::<Result<_, _>>()?)
            }
            Json::Table(table) => {
                let mut object = serde_json::Map::new();
                for (key, value) in table {
                    object.insert(key.clone(), self.json(look, value)?);
                }
                Value::Object(object)
            }
        })
    }

    /// What was kept stands in an address as a value, never as a part of it; or is the whole of it.
    fn url(&self, look: &mut Look<'_>, template: &Template) -> Result<Url, Unmeasured> {
        let [Part::Kept(name)] = template.parts() else {
            let encoded = |name: &str| self.carried.text(name).map(|value| scrub::percent(&value));
            return http::url(look.reveal_with(template, &encoded)?.expose()).map_err(Unmeasured::Failed);
        };
        let Some((page, url)) = self.carried.link(name) else {
            return failed(format!("what is kept as {name} is no link"));
        };
        let url = http::checked(url).map_err(Unmeasured::Failed)?;
        if !self.is_named(look, &url) {
            let host = url.host_str().unwrap_or_default();
            return failed(format!(
                "the link leads to {host}, which is not among the flow's `hosts`: not followed"
            ));
        }
        if page.scheme() == "https" && url.scheme() == "http" {
            return failed("the link leads from https to http: not followed");
        }
        Ok(url)
    }

    /// Whether the plan names the host of an address.
    fn is_named(&self, look: &mut Look<'_>, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let with_port = format!("{host}:{}", url.port_or_known_default().unwrap_or_default());
        let listed = |named: &String| *named == with_port || (*named == host && url.port().is_none());
        self.probe.hosts.iter().any(listed)
            || self.probe.requests.iter().any(|request| {
                // A value in the path says nothing of the host.
                let named = look.reveal_with(&request.url, &|_| Some("kept".to_owned()));
                let whole = matches!(request.url.parts(), [Part::Kept(_)]);
                let named = named.ok().filter(|_| !whole).and_then(|named| Url::parse(named.expose()).ok());
                named.is_some_and(|named| named.origin() == url.origin())
            })
    }
}

/// Whether an answer is as expected.
fn judge(request: &HttpRequest, answered: &Answered) -> Result<Measure, Unmeasured> {
    let (expect, status) = (&request.expect, answered.status);
    let code = status.as_u16();
    let good = if expect.status.is_empty() {
        status.is_success()
    } else {
        expect.status.iter().any(|wanted| wanted.is(code))
    };
    if !good {
        return Ok(fail(format!("{}, expected {}", answered.said(), statuses(&expect.status))));
    }
    // How late it is differs each time: what is wrong does not.
    if let Some(within) = expect.within.filter(|&within| answered.took > within) {
        return Ok(fail(format!("{code}, not within {} ms", within.as_millis())));
    }
    for (name, wanted) in &expect.headers {
        let mut there = answered.headers.get_all(name).iter().peekable();
        if there.peek().is_none() {
            return Ok(fail(format!("{code}, there is no header {name}")));
        }
        if !there.any(|value| value.to_str().is_ok_and(|value| value.contains(wanted))) {
            return Ok(fail(format!("{code}, “{}” is not in the header {name}", line(wanted, 60))));
        }
    }
    expect::judge(expect, &Answer { body: answered.body(), lead: code.to_string() })
}

fn statuses(wanted: &[Status]) -> String {
    match wanted {
        [] => "2xx".to_owned(),
        all => all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "),
    }
}

/// `post /orders`: the method and the path, references in place of values.
fn short(request: &HttpRequest) -> String {
    let mut path = String::new();
    for part in request.url.parts() {
        let whole = Template::new(vec![part.clone()]).to_string();
        match part {
            _ if !path.is_empty() => path.push_str(&whole),
            Part::Text(text) => {
                let rest = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
                path.extend(rest.find('/').and_then(|at| rest.get(at..)));
            }
            Part::Kept(_) => path.push_str(&whole),
            Part::Env(_) | Part::File(_) => {}
        }
    }
    let path = path.split('?').next().filter(|path| !path.is_empty()).unwrap_or("/");
    format!("{} {}", request.method.to_lowercase(), line(path, 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_known_by_its_method_and_path() {
        let text = |text: &str| Part::Text(text.to_owned());
        let known = |parts: Vec<Part>| short(&HttpRequest::get(Template::new(parts)));
        assert_eq!(known(vec![text("https://shop.test/orders?limit=1")]), "get /orders");
        assert_eq!(known(vec![text("https://shop.test")]), "get /");
        assert_eq!(known(vec![Part::Env("BASE".to_owned()), text("/a/b")]), "get /a/b");
        assert_eq!(known(vec![Part::File("run/base".into()), text(":80/a")]), "get /a");
        let order = vec![text("https://h/orders/"), Part::Kept("order".to_owned()), text("/pay?a=b")];
        assert_eq!(known(order), "get /orders/${kept:order}/pay");
        assert_eq!(known(vec![Part::Kept("next".to_owned())]), "get ${kept:next}");
    }
}
