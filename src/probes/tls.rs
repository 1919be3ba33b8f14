//! A certificate: its chain, its name, the days it has left.
//!
//! Owns what is trusted (the system's roots, or the plan's `ca` file instead of them) and the wording of
//! every reason to refuse a certificate; `http` uses both.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::look::{Look, fail, failed};
use super::tcp::unreachable;
use super::words::{counted, line, span};
use crate::engine::reading::{Facts, Measure, Unmeasured};
use crate::plan::model::TlsProbe;

const DAY: i64 = 86_400;

/// Shakes hands as a client would, and looks at what was shown.
pub(super) async fn look(look: &mut Look<'_>, probe: &TlsProbe) -> Result<Measure, Unmeasured> {
    look.ask(format!("the certificate of {} for {}", probe.address, probe.name));
    let roots = roots(&look.ctx.root, probe.ca.as_deref()).map_err(Unmeasured::Failed)?;
    let Ok(name) = ServerName::try_from(probe.name.clone()) else {
        return failed(format!("{} is not a name that a certificate can be for", probe.name));
    };
    let shown = Arc::new(Shown::new(roots).map_err(Unmeasured::Failed)?);
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|why| Unmeasured::Failed(why.to_string()))?
        .dangerous() // Every check is the library's own: `Shown` only keeps a copy of what it is given.
        .with_custom_certificate_verifier(Arc::clone(&shown) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let tcp = TcpStream::connect(&probe.address).await.map_err(|why| unreachable(&why))?;
    let handshake = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await;
    let leaf = shown.leaf();
    if let Some(leaf) = &leaf {
        look.keep(&described(leaf));
    }
    if let Err(why) = handshake {
        return match refusal(&why) {
            Some(refused) => Ok(fail(words(refused, leaf.as_deref()))),
            None => Err(match why.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
                Some(other) => Unmeasured::Failed(format!("no TLS there: {other}")),
                None => unreachable(&why),
            }),
        };
    }
    let Some(until) = leaf.as_deref().and_then(not_after) else {
        return failed("the certificate cannot be read");
    };
    let left = until - look.began.wall.0.div_euclid(1000);
    Ok(judged(left, probe.days_left))
}

fn judged(left: i64, asked: u32) -> Measure {
    let days = left.div_euclid(DAY);
    let pass = days >= i64::from(asked);
    let left_words = if days < 2 {
        span(Duration::from_secs(u64::try_from(left).unwrap_or(0)))
    } else {
        counted(u64::try_from(days).unwrap_or(0), "day")
    };
    let text = if pass {
        format!("good for {left_words}")
    } else {
        format!("expires in {left_words}, {} asked for", counted(u64::from(asked), "day"))
    };
    #[expect(clippy::cast_precision_loss, reason = "days of a certificate are far below 2^52")]
    let value = days as f64;
    Measure { pass, text, facts: Facts::Number { value } }
}

/// The system's roots, or those of a PEM file instead.
pub(super) fn roots(root: &Path, ca: Option<&str>) -> Result<Arc<RootCertStore>, String> {
    static SYSTEM: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let Some(ca) = ca else {
        // A system without any is fine as long as no certificate has to be judged.
        return Ok(Arc::clone(SYSTEM.get_or_init(|| {
            let mut store = RootCertStore::empty();
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            Arc::new(store)
        })));
    };
    let path = root.join(ca);
    let unreadable = |why: String| format!("the roots in {} cannot be read: {why}", path.display());
    let mut store = RootCertStore::empty();
    for cert in CertificateDer::pem_file_iter(&path).map_err(|why| unreadable(why.to_string()))? {
        let cert = cert.map_err(|why| unreadable(why.to_string()))?;
        store.add(cert).map_err(|why| unreadable(why.to_string()))?;
    }
    if store.is_empty() {
        return Err(unreadable("there is no certificate in it".to_owned()));
    }
    Ok(Arc::new(store))
}

/// A client that trusts these roots and nothing else.
pub(super) fn client(roots: Arc<RootCertStore>) -> Result<ClientConfig, String> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|why| why.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Why a certificate was refused, if that is what went wrong, however deep it lies.
pub(super) fn refusal<'a>(why: &'a (dyn std::error::Error + 'static)) -> Option<&'a CertificateError> {
    let mut next = Some(why);
    while let Some(error) = next {
        if let Some(rustls::Error::InvalidCertificate(refused)) = error.downcast_ref::<rustls::Error>() {
            return Some(refused);
        }
        // An `io::Error` hides what it carries from `source`.
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(found) = inner.and_then(|inner| refusal(inner)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// Each reason in words.
pub(super) fn words(refused: &CertificateError, leaf: Option<&[u8]>) -> String {
    match refused {
        CertificateError::Expired => "the certificate has expired".to_owned(),
        CertificateError::ExpiredContext { time, not_after } => {
            let since = time.as_secs().saturating_sub(not_after.as_secs());
            format!("the certificate expired {} ago", span(Duration::from_secs(since)))
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet".to_owned()
        }
        CertificateError::Revoked => "the certificate was revoked".to_owned(),
        CertificateError::NotValidForName => "the certificate is for another name".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<_> = presented.iter().map(|name| plain_name(name)).collect();
            let names = if names.is_empty() { "no name at all".to_owned() } else { names.join(" and ") };
            line(&format!("the certificate is for {names}, not for {}", expected.to_str()), 160)
        }
        CertificateError::UnknownIssuer => match leaf.and_then(issuer) {
            Some((issuer, subject)) if issuer == subject => {
                "the certificate is self-signed and not trusted here".to_owned()
            }
            Some((issuer, _)) => {
                line(&format!("the certificate is signed by {issuer}, not trusted here"), 160)
            }
            None => "the certificate is signed by nobody who is trusted here".to_owned(),
        },
        other => line(&format!("the certificate is not accepted: {other}"), 160),
    }
}

/// `DnsName("a.example")` as the library lists them.
fn plain_name(listed: &str) -> &str {
    listed.split('"').nth(1).unwrap_or(listed)
}

fn parsed(der: &[u8]) -> Option<X509Certificate<'_>> {
    X509Certificate::from_der(der).ok().map(|(_, cert)| cert)
}

fn issuer(der: &[u8]) -> Option<(String, String)> {
    parsed(der).map(|cert| (cert.issuer().to_string(), cert.subject().to_string()))
}

fn not_after(der: &[u8]) -> Option<i64> {
    parsed(der).map(|cert| cert.validity().not_after.timestamp())
}

fn described(der: &[u8]) -> String {
    let Some(cert) = parsed(der) else { return "a certificate that cannot be read".to_owned() };
    let names =
        cert.subject_alternative_name().ok().flatten().map(|ext| {
            ext.value.general_names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        });
    format!(
        "subject  {}\nissuer   {}\nnames    {}\nfrom     {}\nuntil    {}\n",
        cert.subject(),
        cert.issuer(),
        names.unwrap_or_default(),
        cert.validity().not_before,
        cert.validity().not_after
    )
}

/// The library's own verifier, with a copy of the certificate that it was asked about.
#[derive(Debug)]
struct Shown {
    inner: Arc<WebPkiServerVerifier>,
    leaf: Mutex<Option<Vec<u8>>>,
}

impl Shown {
    fn new(roots: Arc<RootCertStore>) -> Result<Shown, String> {
        let inner = WebPkiServerVerifier::builder_with_provider(roots, provider())
            .build()
            .map_err(|why| format!("no certificate can be judged here: {why}; name the roots with `ca`"))?;
        Ok(Shown { inner, leaf: Mutex::new(None) })
    }

    fn leaf(&self) -> Option<Vec<u8>> {
        self.leaf.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ServerCertVerifier for Shown {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.leaf.lock().unwrap_or_else(PoisonError::into_inner) = Some(end_entity.to_vec());
        self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
