//! Certificates and keys in files, read each time anew: one may be renewed during a night.

use std::fmt;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The roots in a file, or the system's.
///
/// # Errors
/// In words: which file cannot be read, or that there is none in it.
pub(super) fn roots(file: Option<&Path>) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    match file {
        // One of many that nobody can read is no reason to believe none.
        None => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Some(path) => {
            for root in certificates(path)? {
                store.add(root).map_err(|why| unreadable("certificate", path, &why))?;
            }
        }
    }
    if store.is_empty() { Err("there is no root certificate to believe".to_owned()) } else { Ok(store) }
}

/// The certificates in a file, in their order.
///
/// # Errors
/// In words: that the file cannot be read.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|why| unreadable("certificate", path, &why))
}

/// The key in a file.
///
/// # Errors
/// In words: that the file cannot be read.
pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(path).map_err(|why| unreadable("key", path, &why))
}

fn unreadable(what: &str, path: &Path, why: &dyn fmt::Display) -> String {
    format!("the {what} {} cannot be read: {why}", path.display())
}
