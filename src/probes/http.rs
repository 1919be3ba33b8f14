//! One HTTP exchange.
//!
//! Every exchange has a connection of its own: a kept one would go on speaking to the side that users have
//! already left. At most 1 MiB of an answer is read; redirects are followed on the same host only.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION, SET_COOKIE};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Method, Response, StatusCode, Url};

use super::expect::{self, Answer};
use super::look::{Look, fail, failed};
use super::tls;
use crate::engine::reading::{Measure, Unmeasured};
use crate::plan::model::HttpProbe;

/// So much of an answer is read.
const MOST: usize = 1 << 20;
const REDIRECTS: usize = 5;

/// What came back from one exchange.
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    body: String,
    whole: bool,
}

impl Answered {
    /// Where a redirect that was not followed leads.
    fn leads_to(&self) -> Option<&str> {
        self.headers.get(LOCATION).and_then(|to| to.to_str().ok()).filter(|_| self.status.is_redirection())
    }

    /// `503`, and where it is sent on to.
    pub(super) fn said(&self) -> String {
        let on = self.leads_to().map_or_else(String::new, |to| format!(" to {to}"));
        format!("{}{on}", self.status.as_u16())
    }

    /// What it says, or why that is not known whole.
    pub(super) fn body(&self) -> Result<&str, &'static str> {
        if self.whole {
            Ok(&self.body)
        } else {
            Err("the answer is longer than 1 MiB: it was not read to its end")
        }
    }
}

/// Asks, and looks at the answer.
pub(super) async fn look(look: &mut Look<'_>, probe: &HttpProbe) -> Result<Measure, Unmeasured> {
    look.ask(format!("{} {}", probe.method, probe.url));
    let answered = exchange(look, probe).await?;
    let status = answered.status;
    if !probe.expect.status.map_or_else(|| status.is_success(), |code| code == status.as_u16()) {
        let asked = probe.expect.status.map_or_else(|| "2xx".to_owned(), |code| code.to_string());
        return Ok(fail(format!("{}, expected {asked}", answered.said())));
    }
    expect::judge(&probe.expect, &Answer { body: answered.body(), lead: status.as_u16().to_string() })
}

/// Asks.
///
/// # Errors
/// Nobody answered, or not to the end: there is no answer.
pub(super) async fn exchange(look: &mut Look<'_>, probe: &HttpProbe) -> Result<Answered, Unmeasured> {
    let url = url(look.reveal(&probe.url)?.expose()).map_err(Unmeasured::Failed)?;
    if let Some(password) = url.password() {
        look.hide(&format!("{}:{password}", url.username()));
    }
    let Ok(method) = Method::from_bytes(probe.method.as_bytes()) else {
        return failed(format!("{} is no method of HTTP", probe.method));
    };
    let roots = tls::roots(&look.ctx.root, probe.ca.as_deref()).map_err(Unmeasured::Failed)?;
    let mut request = client(tls::client(roots), Policy::custom(same_host))
        .map_err(Unmeasured::Failed)?
        .request(method, url);
    for (name, value) in &probe.headers {
        let value = look.reveal(value)?;
        let (Ok(header), Ok(mut value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value.expose()))
        else {
            return failed(format!(
                "the header {name} cannot be sent: its name or value has characters that HTTP forbids"
            ));
        };
        value.set_sensitive(true);
        request = request.header(header, value);
    }
    if let Some(body) = &probe.body {
        request = request.body(look.reveal(body)?.expose().to_owned());
    }
    let response = request.send().await.map_err(|why| explain(&why))?;
    let status = response.status();
    look.keep(&head(&response));
    let headers = response.headers().clone();
    let (body, whole) = read(response).await?;
    let body = String::from_utf8_lossy(&body).into_owned();
    look.keep(&body);
    Ok(Answered { status, headers, body, whole })
}

/// Posts JSON and says the status.
///
/// # Errors
/// Nothing is known of what became of it: not reachable, cut, or a certificate that is not trusted.
pub(crate) async fn post(url_text: &str, body: String, timeout: Duration) -> Result<u16, Unmeasured> {
    let url = url(url_text).map_err(Unmeasured::Failed)?;
    let roots = tls::roots(std::path::Path::new("."), None).map_err(Unmeasured::Failed)?;
    let client = client(tls::client(roots), Policy::none()).map_err(Unmeasured::Failed)?;
    let request = client.post(url).timeout(timeout).header("content-type", "application/json").body(body);
    let response = request
        .send()
        .await
        .map_err(|why| if why.is_timeout() { super::timed_out(timeout) } else { explain(&why) })?;
    Ok(response.status().as_u16())
}

fn client(tls: Result<rustls::ClientConfig, String>, redirects: Policy) -> Result<Client, String> {
    Client::builder()
        .tls_backend_preconfigured(tls?)
        .redirect(redirects)
        .pool_max_idle_per_host(0)
        .user_agent(concat!("cutover/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|why| deepest(&why))
}

/// Never says the address back: it may hold a secret.
fn url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|why| format!("the url cannot be read: {why}"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(format!("the url is for {other}: only http and https are asked")),
    }
}

/// Follows only where the same host sends us, and never from https to http: headers may hold a secret.
fn same_host(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let Some(from) = attempt.previous().last() else { return attempt.stop() };
    let to = attempt.url();
    let same = from.host_str() == to.host_str()
        && from.scheme() == to.scheme()
        && from.port_or_known_default() == to.port_or_known_default();
    let safer = from.host_str() == to.host_str()
        && (from.scheme(), to.scheme()) == ("http", "https")
        && (from.port(), to.port()) == (None, None);
    if attempt.previous().len() > REDIRECTS || !(same || safer) { attempt.stop() } else { attempt.follow() }
}

/// Status and headers as they came. What a server sets as a cookie is as good as a password.
fn head(response: &Response) -> String {
    let first = format!("{:?} {}\n", response.version(), response.status());
    let line = |(name, value): (&HeaderName, &HeaderValue)| {
        let value =
            if *name == SET_COOKIE { "•••".into() } else { String::from_utf8_lossy(value.as_bytes()) };
        format!("{name}: {value}\n")
    };
    std::iter::once(first).chain(response.headers().iter().map(line)).collect()
}

/// The body, and whether it is all of it.
async fn read(mut response: Response) -> Result<(Vec<u8>, bool), Unmeasured> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|why| explain(&why))? {
        let room = MOST - body.len();
        if chunk.len() > room {
            body.extend(chunk.iter().take(room));
            return Ok((body, false));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((body, true))
}

fn explain(why: &reqwest::Error) -> Unmeasured {
    if let Some(refused) = tls::refusal(why) {
        return Unmeasured::Failed(tls::words(refused, None));
    }
    let text = deepest(why);
    if why.is_connect() {
        Unmeasured::NotReachable(text)
    } else {
        Unmeasured::Failed(format!("the exchange broke: {text}"))
    }
}

/// The cause at the bottom: the layers above it only say that something below them went wrong, and the
/// topmost one says the address.
fn deepest(why: &(dyn std::error::Error + 'static)) -> String {
    let mut at = why;
    while let Some(below) = at.source() {
        at = below;
    }
    at.to_string()
}
