//! HTTP on loopback: serving, asking, and answers in JSON. Knows nothing of the shop.

use std::convert::Infallible;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Bytes};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use serde::Serialize;
use tokio::net::TcpListener;

use super::WorldError;
use super::parts::Stop;

/// No request or answer of the shop is larger.
const BODY: usize = 64 * 1024;
/// How long anybody waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a port of an earlier world is tried for; a connection that is going away may still have it.
const PORT_PATIENCE: Duration = Duration::from_secs(3);

/// Says which side answered, beside the body.
pub(super) const SIDE: HeaderName = HeaderName::from_static("x-side");

pub(super) type Answer = Response<Full<Bytes>>;
pub(super) type Caller = Client<HttpConnector, Full<Bytes>>;

/// Why there was no answer.
#[derive(Debug)]
pub(super) enum NoAnswer {
    Unreachable(hyper_util::client::legacy::Error),
    CutOff(Box<dyn std::error::Error + Send + Sync>),
    TooSlow,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoAnswer::Unreachable(e) => write!(f, "no connection: {e}"),
            NoAnswer::CutOff(e) => write!(f, "the answer was cut off: {e}"),
            NoAnswer::TooSlow => write!(f, "no answer in {} s", PATIENCE.as_secs()),
        }
    }
}

/// Listens on 127.0.0.1, on the port from before or on a free one.
pub(super) async fn listen(what: &'static str, earlier: Option<u16>) -> Result<TcpListener, WorldError> {
    let began = tokio::time::Instant::now();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, earlier.unwrap_or(0)));
    loop {
        match (TcpListener::bind(address).await, earlier) {
            (Ok(listener), _) => return Ok(listener),
            (Err(_), Some(_)) if began.elapsed() < PORT_PATIENCE => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            (Err(_), Some(port)) => return Err(WorldError::PortTaken { what, port }),
            (Err(e), None) => return Err(WorldError::file("open a port at", "127.0.0.1")(e)),
        }
    }
}

/// Answers every request with `handler` until the world ends.
pub(super) async fn serve<H, F>(listener: TcpListener, stop: Stop, handler: H)
where
    H: Fn(Request<Bytes>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.told() => return,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(e) => {
                // Out of descriptors, say: they come back when connections end.
                tracing::warn!("accepting a connection: {e}");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let handler = handler.clone();
        let service = service_fn(move |request: Request<hyper::body::Incoming>| {
            let handler = handler.clone();
            async move {
                Ok::<_, Infallible>(match whole(request).await {
                    Ok(request) => handler(request).await,
                    Err(_) => problem(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "the request is too large"),
                })
            }
        });
        tokio::spawn(async move {
            // A caller that goes away in the middle is its own business.
            let _ended = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(60))
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn whole<B>(request: Request<B>) -> Result<Request<Bytes>, Box<dyn std::error::Error + Send + Sync>>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    Ok(Request::from_parts(head, Limited::new(body, BODY).collect().await?.to_bytes()))
}

/// A caller that keeps its connections, as browsers and pools do.
pub(super) fn caller() -> Caller {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(PATIENCE));
    Client::builder(TokioExecutor::new()).pool_idle_timeout(Duration::from_secs(10)).build(connector)
}

/// Sends one request and collects the answer.
pub(super) async fn ask(
    caller: &Caller,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, HeaderMap, Bytes), NoAnswer> {
    let exchange = async {
        let answer = caller.request(request).await.map_err(NoAnswer::Unreachable)?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, BODY).collect().await.map_err(NoAnswer::CutOff)?.to_bytes();
        Ok((head.status, head.headers, body))
    };
    tokio::time::timeout(PATIENCE, exchange).await.unwrap_or(Err(NoAnswer::TooSlow))
}

/// An answer with a JSON body.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    let text = match serde_json::to_vec(body) {
        Ok(text) => text,
        Err(e) => return problem(StatusCode::INTERNAL_SERVER_ERROR, "unprintable", &e.to_string()),
    };
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// An answer that says what is wrong: a word for programs, a sentence for people.
pub(super) fn problem(status: StatusCode, error: &str, message: &str) -> Answer {
    json(status, &serde_json::json!({ "error": error, "message": message }))
}
