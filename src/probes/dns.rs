//! A record at a named server: UDP, and TCP where the answer does not fit.
//!
//! The server is asked itself, past any resolver of this machine, so that what it says now is seen and not
//! what somebody remembers. An answer that is no answer (SERVFAIL, REFUSED) is unmeasured.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use super::look::{Look, fail, failed};
use super::tcp::unreachable;
use super::words::span;
use crate::engine::reading::{Facts, Measure, Unmeasured};
use crate::plan::model::DnsProbe;

/// A question over UDP is lost without a word: it is asked again this often within the look's time.
const AGAIN: Duration = Duration::from_millis(800);
/// As the DNS flag day of 2020 has it: what passes any network in one piece.
const PAYLOAD: u16 = 1232;

/// Asks the server, and compares the records as sets.
pub(super) async fn look(look: &mut Look<'_>, probe: &DnsProbe) -> Result<Measure, Unmeasured> {
    look.ask(format!("{} {} at {}", probe.record, probe.name, probe.server));
    let Ok(kind) = probe.record.parse::<RecordType>() else {
        return failed(format!("{} is no type of record", probe.record));
    };
    let Ok(mut name) = Name::from_utf8(&probe.name) else {
        return failed(format!("{} is no name of DNS", probe.name));
    };
    name.set_fqdn(true);
    let mut servers = tokio::net::lookup_host(&probe.server).await.map_err(|why| unreachable(&why))?;
    let Some(server) = servers.next() else {
        return failed(format!("{} has no address", probe.server));
    };
    let answer = exchange(server, Query::query(name, kind)).await?;
    look.keep(&answer.to_string());
    judge(probe, kind, &answer)
}

fn judge(probe: &DnsProbe, kind: RecordType, answer: &Message) -> Result<Measure, Unmeasured> {
    match answer.metadata.response_code {
        ResponseCode::NoError => {}
        ResponseCode::NXDomain => return Ok(fail("the name does not exist there")),
        other => return failed(format!("the server answered {}", code(other))),
    }
    let records: Vec<_> = answer.answers.iter().filter(|r| r.record_type() == kind).collect();
    let Some(ttl) = records.iter().map(|r| r.ttl).min() else {
        return Ok(fail(format!("there is no {kind} record")));
    };
    let ttl = Duration::from_secs(u64::from(ttl));
    let got: BTreeSet<String> = records.iter().map(|r| plain(kind, &r.data.to_string())).collect();
    let shown = got.iter().cloned().collect::<Vec<_>>().join(" ");
    if let Some(is) = &probe.is {
        let wanted: BTreeSet<String> = is.iter().map(|r| plain(kind, r)).collect();
        if wanted != got {
            let wanted = wanted.into_iter().collect::<Vec<_>>().join(" ");
            return Ok(fail(format!("{shown}, expected {wanted}")));
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a TTL has 32 bits")]
    let facts = Facts::Number { value: ttl.as_secs() as f64 };
    if let Some(most) = probe.ttl_at_most.filter(|&most| ttl > most) {
        let text = format!("{shown}, TTL {}, at most {} asked for", span(ttl), span(most));
        return Ok(Measure { pass: false, text, facts });
    }
    let word = if answer.metadata.authoritative { ", authoritative" } else { "" };
    Ok(Measure { pass: true, text: format!("{shown}, TTL {}{word}", span(ttl)), facts })
}

/// As people write records: no dot at the end, names in small letters; a text as it is, without quotes.
fn plain(kind: RecordType, record: &str) -> String {
    let record = record.trim();
    if kind == RecordType::TXT {
        return record.strip_prefix('"').and_then(|r| r.strip_suffix('"')).unwrap_or(record).to_owned();
    }
    record.strip_suffix('.').unwrap_or(record).to_ascii_lowercase()
}

fn code(code: ResponseCode) -> String {
    match code {
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        ResponseCode::Refused => "REFUSED".to_owned(),
        ResponseCode::FormErr => "FORMERR".to_owned(),
        ResponseCode::NotImp => "NOTIMP".to_owned(),
        other => other.to_string(),
    }
}

async fn exchange(server: SocketAddr, query: Query) -> Result<Message, Unmeasured> {
    let mut question = Message::query();
    question.metadata.recursion_desired = true;
    question.add_query(query);
    let mut edns = Edns::new();
    edns.set_max_payload(PAYLOAD);
    question.set_edns(edns);
    let bytes = question
        .to_vec()
        .map_err(|why| Unmeasured::Failed(format!("the question cannot be asked: {why}")))?;
    let answer = over_udp(server, &question, &bytes).await.map_err(|why| unreachable(&why))?;
    if answer.metadata.truncation {
        return over_tcp(server, &question, &bytes).await;
    }
    Ok(answer)
}

/// The first answer to this very question; anything else that arrives is somebody's mistake or worse.
async fn over_udp(server: SocketAddr, question: &Message, bytes: &[u8]) -> std::io::Result<Message> {
    let any: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        socket.send(bytes).await?;
        let wait = async {
            loop {
                let length = socket.recv(&mut buffer).await?;
                if let Some(answer) = buffer.get(..length).and_then(|b| answers(question, b)) {
                    return Ok(answer);
                }
            }
        };
        // The look's own timeout ends this.
        if let Ok(answer) = tokio::time::timeout(AGAIN, wait).await {
            return answer;
        }
    }
}

async fn over_tcp(server: SocketAddr, question: &Message, bytes: &[u8]) -> Result<Message, Unmeasured> {
    let cut = |why: std::io::Error| unreachable(&why);
    let mut stream = TcpStream::connect(server).await.map_err(cut)?;
    let length =
        u16::try_from(bytes.len()).map_err(|_| Unmeasured::Failed("the question is too long".to_owned()))?;
    stream.write_u16(length).await.map_err(cut)?;
    stream.write_all(bytes).await.map_err(cut)?;
    let mut buffer = vec![0; usize::from(stream.read_u16().await.map_err(cut)?)];
    stream.read_exact(&mut buffer).await.map_err(cut)?;
    answers(question, &buffer)
        .ok_or_else(|| Unmeasured::Failed("the answer over TCP makes no sense".to_owned()))
}

fn answers(question: &Message, bytes: &[u8]) -> Option<Message> {
    let answer = Message::from_vec(bytes).ok()?;
    let same = answer.metadata.id == question.metadata.id
        && answer.metadata.message_type == MessageType::Response
        && answer.queries == question.queries;
    same.then_some(answer)
}
