//! Real answers over UDP and TCP from a small server of our own.

use std::sync::Arc;
use std::time::Duration;

use cutover::engine::reading::Unmeasured;
use cutover::plan::model::{DnsProbe, ProbeKind};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, TXT};
use hickory_proto::rr::{Name, RData, Record};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};

use crate::common::{World, failed, probe};

type Zone = Arc<dyn Fn(&Message, bool) -> Option<Vec<u8>> + Send + Sync>;

/// A server on UDP and TCP of one port; `zone(question, over_tcp)` is its answer, `None` its silence.
async fn serve(zone: Zone) -> String {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let udp = UdpSocket::bind(address).await.unwrap();
    let over_udp = Arc::clone(&zone);
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((n, from)) = udp.recv_from(&mut buffer).await {
            let question = Message::from_vec(&buffer[..n]).unwrap();
            if let Some(answer) = over_udp(&question, false) {
                udp.send_to(&answer, from).await.unwrap();
            }
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            let mut buffer = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut buffer).await.unwrap();
            if let Some(answer) = zone(&Message::from_vec(&buffer).unwrap(), true) {
                stream.write_u16(answer.len().try_into().unwrap()).await.unwrap();
                stream.write_all(&answer).await.unwrap();
            }
        }
    });
    address.to_string()
}

fn answer(question: &Message, ttl: u32, data: &[RData]) -> Message {
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.metadata.authoritative = true;
    answer.queries.clone_from(&question.queries);
    let name = Name::from_ascii("orders.test.").unwrap();
    answer.add_answers(data.iter().map(|d| Record::from_rdata(name.clone(), ttl, d.clone())));
    answer
}

fn a(last: u8) -> RData {
    RData::A(A::new(192, 0, 2, last))
}

fn ask(server: &str, record: &str, is: Option<&[&str]>, ttl: Option<u64>) -> ProbeKind {
    ProbeKind::Dns(DnsProbe {
        server: server.to_owned(),
        name: "Orders.test".to_owned(),
        record: record.to_owned(),
        is: is.map(|all| all.iter().map(|&r| r.to_owned()).collect()),
        ttl_at_most: ttl.map(Duration::from_secs),
    })
}

#[tokio::test]
async fn records_are_compared_as_sets_and_the_ttl_has_a_limit() {
    let world = World::new();
    let server = serve(Arc::new(|q, _| Some(answer(q, 60, &[a(2), a(1)]).to_vec().unwrap()))).await;
    let seen = world.seen(ask(&server, "A", Some(&["192.0.2.1", "192.0.2.2"]), Some(60))).await;
    assert_eq!((seen.pass, seen.text.as_str()), (true, "192.0.2.1 192.0.2.2, TTL 1m, authoritative"));
    let seen = world.seen(ask(&server, "A", Some(&["192.0.2.1"]), None)).await;
    assert_eq!((seen.pass, seen.text.as_str()), (false, "192.0.2.1 192.0.2.2, expected 192.0.2.1"));
    let seen = world.seen(ask(&server, "A", None, Some(30))).await;
    assert_eq!(
        (seen.pass, seen.text.as_str()),
        (false, "192.0.2.1 192.0.2.2, TTL 1m, at most 30s asked for")
    );
    let seen = world.seen(ask(&server, "TXT", None, None)).await;
    assert_eq!((seen.pass, seen.text.as_str()), (false, "there is no TXT record"));
}

#[tokio::test]
async fn what_does_not_fit_is_asked_for_over_tcp() {
    let world = World::new();
    let long: String = "v=spf1 ".chars().chain("x".repeat(200).chars()).collect();
    let record = RData::TXT(TXT::new(vec![long.clone()]));
    let server = serve(Arc::new(move |q, tcp| {
        let mut answer = answer(q, 60, std::slice::from_ref(&record));
        if !tcp {
            answer.answers.clear();
            answer.metadata.truncation = true;
        }
        Some(answer.to_vec().unwrap())
    }))
    .await;
    assert!(world.seen(ask(&server, "TXT", Some(&[&long]), None)).await.pass);
}

#[tokio::test]
async fn refusals_and_nothing_are_told_apart() {
    let world = World::new();
    let coded = |code: ResponseCode| {
        serve(Arc::new(move |q: &Message, _| {
            let mut answer = answer(q, 0, &[]);
            answer.metadata.response_code = code;
            Some(answer.to_vec().unwrap())
        }))
    };
    for (code, word) in [(ResponseCode::ServFail, "SERVFAIL"), (ResponseCode::Refused, "REFUSED")] {
        let why = world.unmeasured(ask(&coded(code).await, "A", None, None)).await;
        assert_eq!(failed(&why), format!("the server answered {word}"));
    }
    let seen = world.seen(ask(&coded(ResponseCode::NXDomain).await, "A", None, None)).await;
    assert_eq!((seen.pass, seen.text.as_str()), (false, "the name does not exist there"));
}

#[tokio::test]
async fn forged_answers_are_passed_over_and_lost_questions_asked_again() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let world = World::new();
    let asked = AtomicUsize::new(0);
    let server = serve(Arc::new(move |q, _| match asked.fetch_add(1, Ordering::SeqCst) {
        // Lost, then an answer to another question, then the true one.
        0 => None,
        1 => {
            let mut forged = answer(q, 60, &[a(66)]);
            forged.metadata.id = forged.metadata.id.wrapping_add(1);
            Some(forged.to_vec().unwrap())
        }
        _ => Some(answer(q, 60, &[a(1)]).to_vec().unwrap()),
    }))
    .await;
    assert!(world.seen(ask(&server, "A", Some(&["192.0.2.1"]), None)).await.pass);
}

#[tokio::test]
async fn a_silent_server_is_a_timeout() {
    let world = World::new();
    let server = serve(Arc::new(|_, _| None)).await;
    let mut silent = probe(ask(&server, "A", None, None));
    silent.timeout = Duration::from_millis(300);
    let looked = cutover::probes::measure(&world.context, &silent, None).await;
    assert_eq!(looked.result, Err(Unmeasured::TimedOut(300)));
}
