//! Encryption on the way to a server: whose certificate is believed, and which one is shown.
//!
//! Owns what libpq calls `sslmode`, as far as it is about belief; whether there is encryption at all is in the address.
//! Every check of a certificate is the library's own: `verify-ca` is its check without that of the name.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::databases::pem;

/// Whose certificate is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Anybody's: `prefer`, `require`.
    Anybody,
    /// Whose chain ends at our roots: `verify-ca`.
    Chain,
    /// … and who has the name that we asked for: `verify-full`.
    Name,
}

/// Which files the handshake needs.
#[derive(Clone, Debug)]
pub(super) struct Files {
    /// How far the server's certificate is checked.
    pub(super) trust: Trust,
    /// The roots that are believed.
    pub(super) roots: Option<PathBuf>,
    /// The system's roots are believed: `sslrootcert=system`.
    pub(super) system: bool,
    /// Our own certificate, where the server asks for one.
    pub(super) certificate: Option<PathBuf>,
    /// Its key.
    pub(super) key: Option<PathBuf>,
}

impl Files {
    /// Reads the files.
    pub(super) fn connector(&self) -> Result<MakeRustlsConnect, String> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|why| why.to_string())?;
        let less = |whole| Arc::new(Less { whole, provider: Arc::clone(&provider) });
        let builder = match self.trust {
            Trust::Anybody => builder.dangerous().with_custom_certificate_verifier(less(None)),
            Trust::Name => builder.with_root_certificates(self.roots()?),
            Trust::Chain => {
                let roots = Arc::new(self.roots()?);
                let whole = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
                    .build()
                    .map_err(|why| why.to_string())?;
                builder.dangerous().with_custom_certificate_verifier(less(Some(whole)))
            }
        };
        let config = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => {
                let (chain, key) = (pem::certificates(certificate)?, pem::key(key)?);
                builder.with_client_auth_cert(chain, key).map_err(|why| why.to_string())?
            }
            _ => builder.with_no_client_auth(),
        };
        Ok(MakeRustlsConnect::new(config))
    }

    fn roots(&self) -> Result<RootCertStore, String> {
        match &self.roots {
            _ if self.system => pem::roots(None),
            Some(path) => pem::roots(Some(path)),
            None => Err(
                "`sslmode` asks for the server's certificate to be checked, and no roots are named: set `sslrootcert` to a PEM file, or to `system`"
                    .to_owned(),
            ),
        }
    }
}

/// Checks less than the library does by itself; the signature of the handshake is checked all the same.
#[derive(Debug)]
struct Less {
    /// The whole check, in which another name is forgiven (`verify-ca`). Anybody is believed where there is none, as
    /// `sslmode=require` does: the line is encrypted, and nobody knows with whom.
    whole: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Less {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(whole) = &self.whole else { return Ok(ServerCertVerified::assertion()) };
        // The library looks at the name last: whoever gets that far has a chain that holds.
        match whole.verify_server_cert(leaf, between, name, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
