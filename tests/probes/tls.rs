//! Certificates of every kind, shown by a real TLS server.

use std::sync::Arc;
use std::time::Duration;

use cutover::engine::reading::Unmeasured;
use cutover::plan::model::{Expect, HttpProbe, HttpRequest, ProbeKind, TlsProbe};
use cutover::plan::secret::Template;
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::common::{World, failed};

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

pub(crate) fn authority() -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name.push(
        rcgen::DnType::CommonName,
        format!(
            "Test authority {:x}",
            key.public_key_raw().iter().fold(0_u64, |h, b| h.wrapping_mul(31).wrapping_add(u64::from(*b)))
        ),
    );
    let pem = params.self_signed(&key).unwrap().pem();
    Authority { issuer: Issuer::new(params, key), pem }
}

/// A certificate for `name` that is good from and until so many days from now.
pub(crate) fn leaf(
    by: Option<&Authority>,
    name: &str,
    days: (i64, i64),
) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let now = x509_parser::time::ASN1Time::now().to_datetime();
    let day = |n: i64| Duration::from_secs(86_400 * n.unsigned_abs());
    let at = |n: i64| if n < 0 { now - day(n) } else { now + day(n) };
    params.not_before = at(days.0);
    params.not_after = at(days.1) + Duration::from_secs(3600);
    let cert = match by {
        Some(authority) => params.signed_by(&key, &authority.issuer).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    (cert.der().clone(), PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())))
}

/// Serves TLS and one short HTTP answer; the address.
async fn serve(cert: (CertificateDer<'static>, PrivateKeyDer<'static>)) -> String {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.0], cert.1)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut tls) = acceptor.accept(tcp).await else { return };
                let mut buffer = [0; 4096];
                let _ = tls.read(&mut buffer).await;
                let _ = tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
                let _ = tls.shutdown().await;
            });
        }
    });
    address
}

/// Where the authority's certificate is, for a plan to name.
fn trust(world: &World, authority: &Authority) -> String {
    std::fs::write(world.path().join("ca.pem"), &authority.pem).unwrap();
    "ca.pem".to_owned()
}

fn cert(address: &str, name: &str, ca: String, days_left: u32) -> ProbeKind {
    ProbeKind::Tls(TlsProbe { address: address.to_owned(), name: name.to_owned(), ca: Some(ca), days_left })
}

#[tokio::test]
async fn a_certificate_is_good_for_its_name_and_its_days() {
    let (world, authority) = (World::new(), authority());
    let ca = trust(&world, &authority);
    let address = serve(leaf(Some(&authority), "orders.test", (-1, 61))).await;
    let seen = world.seen(cert(&address, "orders.test", ca.clone(), 14)).await;
    assert_eq!((seen.pass, seen.text.as_str()), (true, "good for 61 days"));
    let seen = world.seen(cert(&address, "orders.test", ca.clone(), 90)).await;
    assert_eq!((seen.pass, seen.text.as_str()), (false, "expires in 61 days, 90 days asked for"));
    let seen = world.seen(cert(&address, "billing.test", ca, 14)).await;
    assert_eq!(
        (seen.pass, seen.text.as_str()),
        (false, "the certificate is for orders.test, not for billing.test")
    );
}

#[tokio::test]
async fn expired_unknown_and_self_signed_are_said_as_such() {
    let (world, authority) = (World::new(), authority());
    let ca = trust(&world, &authority);
    let old = serve(leaf(Some(&authority), "orders.test", (-30, -3))).await;
    let seen = world.seen(cert(&old, "orders.test", ca.clone(), 14)).await;
    assert!(!seen.pass && seen.text.starts_with("the certificate expired 2 days ago"), "{}", seen.text);

    let early = serve(leaf(Some(&authority), "orders.test", (3, 30))).await;
    let seen = world.seen(cert(&early, "orders.test", ca.clone(), 14)).await;
    assert_eq!((seen.pass, seen.text.as_str()), (false, "the certificate is not valid yet"));

    let own = serve(leaf(None, "orders.test", (-1, 61))).await;
    let seen = world.seen(cert(&own, "orders.test", ca, 14)).await;
    assert_eq!(
        (seen.pass, seen.text.as_str()),
        (false, "the certificate is self-signed and not trusted here")
    );

    let stranger = self::authority();
    let ca = trust(&world, &stranger);
    let address = serve(leaf(Some(&authority), "orders.test", (-1, 61))).await;
    let seen = world.seen(cert(&address, "orders.test", ca, 14)).await;
    assert!(!seen.pass && seen.text.contains("not trusted here"), "{}", seen.text);
}

#[tokio::test]
async fn what_is_no_tls_is_no_measure() {
    let world = World::new();
    let authority = authority();
    let ca = trust(&world, &authority);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"220 mail.test ESMTP\r\n").await;
        }
    });
    let why = world.unmeasured(cert(&address, "orders.test", ca, 1)).await;
    assert!(matches!(why, Unmeasured::Failed(_) | Unmeasured::NotReachable(_)), "{why:?}");

    let why = world.unmeasured(cert(&address, "orders.test", "missing.pem".to_owned(), 1)).await;
    assert!(failed(&why).contains("missing.pem"), "{why:?}");
    std::fs::write(world.path().join("empty.pem"), "").unwrap();
    let why = world.unmeasured(cert(&address, "orders.test", "empty.pem".to_owned(), 1)).await;
    assert!(failed(&why).contains("no certificate in it"), "{why:?}");
}

#[tokio::test]
async fn https_trusts_the_plans_roots_and_says_why_it_does_not() {
    let (world, authority) = (World::new(), authority());
    let ca = trust(&world, &authority);
    let get = |address: &str, ca: Option<String>| {
        let expect = Expect { is: Some("ok".to_owned()), ..Expect::default() };
        let url = Template::plain(format!("https://{address}/"));
        ProbeKind::Http(HttpProbe::of(HttpRequest { expect, ..HttpRequest::get(url) }, ca))
    };
    let good = serve(leaf(Some(&authority), "127.0.0.1", (-1, 61))).await;
    assert!(world.seen(get(&good, Some(ca.clone()))).await.pass);
    let why = world.unmeasured(get(&good, None)).await;
    assert!(failed(&why).contains("certificate"), "{why:?}");
    let old = serve(leaf(Some(&authority), "127.0.0.1", (-30, -3))).await;
    let why = world.unmeasured(get(&old, Some(ca))).await;
    assert!(failed(&why).contains("expired"), "{why:?}");
}
