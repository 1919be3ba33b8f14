//! Real exchanges with a server that answers as it is told.

use std::time::{Duration, Instant};

use cutover::engine::reading::{Facts, Unmeasured};
use cutover::plan::model::{Expect, HttpProbe, HttpRequest, ProbeKind, Status};
use cutover::plan::secret::{Part, Template};
use cutover::probes::measure;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use crate::common::{World, failed, probe};
use crate::watched::serve;

async fn fixed(response: &'static str) -> String {
    serve(move |_, mut stream| async move { stream.write_all(response.as_bytes()).await.unwrap() }).await
}

fn get(url: &str, expect: Expect) -> ProbeKind {
    ProbeKind::Http(HttpProbe::of(HttpRequest { expect, ..HttpRequest::get(Template::plain(url)) }, None))
}

#[tokio::test]
async fn a_good_answer_is_good_and_another_status_is_not() {
    let world = World::new();
    let ok = fixed("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nazure").await;
    let text = Expect { text: Some("azure".to_owned()), ..Expect::default() };
    let seen = world.seen(get(&format!("http://{ok}/where"), text.clone())).await;
    assert_eq!((seen.pass, seen.text.as_str()), (true, "200, azure"));

    let down = fixed("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").await;
    let seen = world.seen(get(&format!("http://{down}/"), text)).await;
    assert_eq!((seen.pass, seen.text.as_str()), (false, "503, expected 2xx"));
    let wanted = Expect { status: vec![Status::Code(503)], ..Expect::default() };
    assert!(world.seen(get(&format!("http://{down}/"), wanted)).await.pass);
}

#[tokio::test]
async fn markup_in_place_of_json_is_no_measure() {
    let world = World::new();
    let address = fixed("HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n<html></html>").await;
    let lag = Expect { number: Some("/lag".to_owned()), at_most: Some(5.0), ..Expect::default() };
    let why = world.unmeasured(get(&format!("http://{address}/"), lag)).await;
    assert_eq!(failed(&why), "the answer is no JSON: it is a page of markup");
}

#[tokio::test]
async fn a_number_in_json_is_measured() {
    let world = World::new();
    let address = fixed("HTTP/1.1 200 OK\r\ncontent-length: 23\r\n\r\n{\"source\":{\"last_5s\":0}}").await;
    let lag = Expect { number: Some("/source/last_5s".to_owned()), at_most: Some(0.0), ..Expect::default() };
    // Content-length is one short: what is not there cannot be read, and is no zero.
    let why = world.unmeasured(get(&format!("http://{address}/"), lag.clone())).await;
    assert!(failed(&why).contains("no JSON"), "{why:?}");
    let address = fixed("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"source\":{\"last_5s\":0}}").await;
    let seen = world.seen(get(&format!("http://{address}/"), lag)).await;
    assert_eq!((seen.pass, seen.facts), (true, Facts::Number { value: 0.0 }));
}

#[tokio::test]
async fn nobody_there_is_not_reachable() {
    let world = World::new();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let why = world.unmeasured(get(&format!("http://{free}/"), Expect::default())).await;
    assert!(matches!(&why, Unmeasured::NotReachable(text) if text.contains("refused")), "{why:?}");
}

#[tokio::test]
async fn an_endless_answer_is_cut_at_the_cap_and_is_no_measure() {
    let world = World::new();
    let address = serve(|_, mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        let chunk = vec![b'x'; 65_536];
        while stream.write_all(&chunk).await.is_ok() {}
    })
    .await;
    let text = Expect { text: Some("y".to_owned()), ..Expect::default() };
    let looked = world.look(get(&format!("http://{address}/"), text)).await;
    assert!(failed(looked.result.as_ref().unwrap_err()).contains("longer than 1 MiB"));
    assert!(looked.raw.len() < 70_000, "{}", looked.raw.len());
}

#[tokio::test]
async fn headers_that_trickle_end_with_the_timeout() {
    let world = World::new();
    let address = serve(|_, mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while stream.write_all(b"x: y\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let mut slow = probe(get(&format!("http://{address}/"), Expect::default()));
    slow.timeout = Duration::from_millis(400);
    let began = Instant::now();
    let looked = measure(&world.context, &slow, None).await;
    assert_eq!(looked.result, Err(Unmeasured::TimedOut(400)));
    assert!(began.elapsed() < Duration::from_secs(3));
    assert_eq!(looked.query, format!("GET http://{address}/"));
}

#[tokio::test]
async fn a_redirect_is_followed_on_the_same_host_and_nowhere_else() {
    let world = World::new();
    let other = fixed("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nother").await;
    let away = format!("HTTP/1.1 302 Found\r\nlocation: http://{other}/\r\ncontent-length: 0\r\n\r\n");
    let address = serve(move |request, mut stream| {
        let away = away.clone();
        async move {
            let answer = if request.starts_with("GET /here") {
                "HTTP/1.1 302 Found\r\nlocation: /there\r\ncontent-length: 0\r\n\r\n"
            } else if request.starts_with("GET /there") {
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nthere"
            } else if request.starts_with("GET /file") {
                "HTTP/1.1 302 Found\r\nlocation: file:///etc/passwd\r\ncontent-length: 0\r\n\r\n"
            } else {
                away.as_str()
            };
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await;
    let there = Expect { is: Some("there".to_owned()), ..Expect::default() };
    assert!(world.seen(get(&format!("http://{address}/here"), there)).await.pass);
    let seen = world.seen(get(&format!("http://{address}/away"), Expect::default())).await;
    assert_eq!((seen.pass, seen.text), (false, format!("302 to http://{other}/, expected 2xx")));
    let seen = world.seen(get(&format!("http://{address}/file"), Expect::default())).await;
    assert_eq!((seen.pass, seen.text.as_str()), (false, "302 to file:///etc/passwd, expected 2xx"));
}

#[tokio::test]
async fn other_schemes_are_not_asked() {
    let world = World::new();
    let why = world.unmeasured(get("file:///etc/passwd", Expect::default())).await;
    assert!(failed(&why).contains("only http and https"));
}

#[tokio::test]
async fn a_secret_is_sent_and_never_comes_back() {
    let world = World::new();
    std::fs::write(world.path().join("token"), "s3cr3t/t0ken\n").unwrap();
    std::fs::write(world.path().join("pw"), "s3cr3tpw").unwrap();
    let address = serve(|request, mut stream| async move {
        let sent = request.contains("Bearer s3cr3t/t0ken");
        let body = format!("{sent} {request} s3cr3t%2Ft0ken");
        let _ = stream
            .write_all(format!("HTTP/1.1 200 OK\r\nx-echo: s3cr3t/t0ken\r\nset-cookie: id=1\r\nconnection: close\r\n\r\n{body}").as_bytes())
            .await;
    })
    .await;
    let part = |name: &str| Part::File(name.into());
    let url = vec![Part::Text("http://user:".to_owned()), part("pw"), Part::Text(format!("@{address}/"))];
    let request = HttpRequest {
        headers: vec![(
            "authorization".to_owned(),
            Template::new(vec![Part::Text("Bearer ".to_owned()), part("token")]),
        )],
        expect: Expect { is: Some("nothing like this".to_owned()), ..Expect::default() },
        ..HttpRequest::get(Template::new(url))
    };
    let looked = world.look(ProbeKind::Http(HttpProbe::of(request, None))).await;
    assert!(
        looked.raw.contains("true GET"),
        "{:?}, the secret did not reach the server: {}",
        looked.result,
        looked.raw
    );
    assert!(!looked.raw.contains("id=1"));
    let all = format!("{looked:?}");
    assert!(!all.contains("s3cr3t"), "{all}");
    assert!(looked.query.contains("${file:pw}"), "{}", looked.query);
}

#[tokio::test]
async fn every_exchange_has_a_connection_of_its_own() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let world = World::new();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let address = serve(move |_, mut stream| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
    })
    .await;
    for _ in 0..3 {
        assert!(world.seen(get(&format!("http://{address}/"), Expect::default())).await.pass);
    }
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_port_accepts_refuses_or_hangs() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen = world.seen(ProbeKind::Tcp { address: address.clone() }).await;
    assert_eq!((seen.pass, seen.text.as_str()), (true, "accepts"));
    drop(listener);
    let seen = world.seen(ProbeKind::Tcp { address }).await;
    assert_eq!((seen.pass, seen.text.as_str()), (false, "refuses connections"));
    let why = world.unmeasured(ProbeKind::Tcp { address: "no-such-host.invalid:1".to_owned() }).await;
    assert!(matches!(why, Unmeasured::NotReachable(_)), "{why:?}");
}

#[tokio::test]
async fn a_black_hole_is_a_timeout_within_the_time_given() {
    let world = World::new();
    // A backlog of one that nobody takes from: further connections hang as in a network that drops them.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut filling = Vec::new();
    loop {
        match tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(&address)).await {
            Ok(Ok(stream)) => filling.push(stream),
            Ok(Err(_)) | Err(_) => break,
        }
        assert!(filling.len() < 64, "the backlog never filled");
    }
    let mut hole = probe(ProbeKind::Tcp { address });
    hole.timeout = Duration::from_millis(300);
    let began = Instant::now();
    assert_eq!(measure(&world.context, &hole, None).await.result, Err(Unmeasured::TimedOut(300)));
    assert!(began.elapsed() < Duration::from_secs(2));
}
