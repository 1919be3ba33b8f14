//! One exchange over HTTP, by itself or in a flow of several.
//!
//! Every look has connections and cookies of its own: kept ones would go on speaking to the side that users have
//! already left. At most 1 MiB of an answer is read; redirects are followed on the same host only. What several
//! exchanges carry on and when they end: `flow`.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION, SET_COOKIE};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use tokio::time::Instant;

use super::cookies::Jar;
use super::look::{Look, failed};
use super::tls;
use crate::engine::reading::Unmeasured;
use crate::plan::model::HttpProbe;

/// So much of an answer is read.
const MOST: usize = 1 << 20;
const REDIRECTS: usize = 5;
/// Cookies shorter than this say a language or a colour, and let nobody in.
const SHORTEST_COOKIE: usize = 8;

/// What came back from one exchange.
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Where the answer came from at last.
    pub(super) url: Url,
    /// From the first byte that was sent to the last that was read.
    pub(super) took: Duration,
    body: String,
    whole: bool,
    jar: Arc<Jar>,
}

impl Answered {
    /// Where a redirect that was not followed leads, without what only its reader is to know.
    fn leads_to(&self) -> Option<&str> {
        let to = self.headers.get(LOCATION).and_then(|to| to.to_str().ok());
        to.map(without_query).filter(|_| self.status.is_redirection())
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

    /// A cookie that is sent to where this came from.
    pub(super) fn cookie(&self, name: &str) -> Option<String> {
        self.jar.value(name, &self.url)
    }
}

/// The connections and the cookies of one look.
pub(super) struct Browser {
    client: Client,
    jar: Arc<Jar>,
}

impl Browser {
    /// Nothing is connected yet.
    ///
    /// # Errors
    /// The plan's roots cannot be read.
    pub(super) fn new(look: &Look<'_>, probe: &HttpProbe) -> Result<Browser, Unmeasured> {
        let roots = tls::roots(&look.ctx.root, probe.ca.as_deref()).map_err(Unmeasured::Failed)?;
        let jar = Arc::new(Jar::default());
        let client = builder(tls::client(roots), Policy::custom(same_host))
            .and_then(|builder| {
                builder.cookie_provider(Arc::clone(&jar)).build().map_err(|why| deepest(&why))
            })
            .map_err(Unmeasured::Failed)?;
        Ok(Browser { client, jar })
    }

    /// A request to which headers and a body can be added.
    pub(super) fn request(
        &self,
        look: &mut Look<'_>,
        method: &str,
        url: Url,
    ) -> Result<RequestBuilder, Unmeasured> {
        if let Some(password) = url.password() {
            look.hide(&format!("{}:{password}", url.username()));
        }
        let Ok(method) = Method::from_bytes(method.as_bytes()) else {
            return failed(format!("{method} is no method of HTTP"));
        };
        Ok(self.client.request(method, url))
    }

    /// Asks, and reads what comes back.
    ///
    /// # Errors
    /// Nobody answered, or not to the end: there is no answer.
    pub(super) async fn send(
        &self,
        look: &mut Look<'_>,
        request: RequestBuilder,
    ) -> Result<Answered, Unmeasured> {
        let began = Instant::now();
        let response = request.send().await.map_err(|why| explain(&why))?;
        for value in self.jar.values().iter().filter(|value| value.len() >= SHORTEST_COOKIE) {
            look.hide(value);
        }
        let (status, url) = (response.status(), response.url().clone());
        look.keep(&head(&response));
        let headers = response.headers().clone();
        let (body, whole) = read(response).await?;
        let body = String::from_utf8_lossy(&body).into_owned();
        look.keep(&body);
        let took = began.elapsed();
        Ok(Answered { status, headers, url, took, body, whole, jar: Arc::clone(&self.jar) })
    }
}

/// A header line. Its value counts as a secret.
///
/// # Errors
/// HTTP forbids it.
pub(super) fn header(request: RequestBuilder, name: &str, value: &str) -> Result<RequestBuilder, Unmeasured> {
    let (Ok(header), Ok(mut value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
    else {
        return failed(format!(
            "the header {name} cannot be sent: its name or value has characters that HTTP forbids"
        ));
    };
    value.set_sensitive(true);
    Ok(request.header(header, value))
}

/// Posts JSON and says the status.
///
/// # Errors
/// Nothing is known of what became of it: not reachable, cut, or a certificate that is not trusted.
pub(crate) async fn post(url_text: &str, body: String, timeout: Duration) -> Result<u16, Unmeasured> {
    let url = url(url_text).map_err(Unmeasured::Failed)?;
    let roots = tls::roots(std::path::Path::new("."), None).map_err(Unmeasured::Failed)?;
    let client = builder(tls::client(roots), Policy::none())
        .and_then(|builder| builder.build().map_err(|why| deepest(&why)))
        .map_err(Unmeasured::Failed)?;
    let request = client.post(url).timeout(timeout).header("content-type", "application/json").body(body);
    let response = request
        .send()
        .await
        .map_err(|why| if why.is_timeout() { super::timed_out(timeout) } else { explain(&why) })?;
    Ok(response.status().as_u16())
}

fn builder(
    tls: Result<rustls::ClientConfig, String>,
    redirects: Policy,
) -> Result<reqwest::ClientBuilder, String> {
    Ok(Client::builder()
        .tls_backend_preconfigured(tls?)
        .redirect(redirects)
        .user_agent(concat!("cutover/", env!("CARGO_PKG_VERSION"))))
}

/// Never says the address back: it may hold a secret.
pub(super) fn url(text: &str) -> Result<Url, String> {
    checked(Url::parse(text).map_err(|why| format!("the url cannot be read: {why}"))?)
}

/// Only what speaks HTTP is asked.
pub(super) fn checked(url: Url) -> Result<Url, String> {
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

/// Status and headers as they came. What a server sets as a cookie is as good as a password, and so may be what
/// stands behind the `?` of where it sends us.
fn head(response: &Response) -> String {
    let first = format!("{:?} {}\n", response.version(), response.status());
    let line = |(name, value): (&HeaderName, &HeaderValue)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        let told = match *name {
            SET_COOKIE => "•••".into(),
            LOCATION if without_query(&value).len() < value.len() => {
                format!("{}?•••", without_query(&value)).into()
            }
            _ => value,
        };
        format!("{name}: {told}\n")
    };
    std::iter::once(first).chain(response.headers().iter().map(line)).collect()
}

fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
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
