//! The address of a Redis or Valkey server: the URL that its own tools take, and the files of an encrypted line.
//!
//! Owns what of a URL is followed, and whose certificate is believed: that of the name asked for, under our roots or the system's.
//! Refuses to take anything from variables or files of a home. Look next at `connection`.
//!
//! Source: Redis' documentation, "Redis CLI", and the provisional IANA registrations of `redis` and `rediss`.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use redis::aio::AsyncStream;
use redis::{ConnectionAddr, IntoConnectionInfo as _, RedisConnectionInfo};
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use crate::databases::{Error, Settings, pem};

/// What may stand behind the `?`: of an encrypted line, and of a socket.
const KEYS: [&str; 6] = ["cacert", "cert", "key", "db", "user", "pass"];

/// The bytes to and from a server.
pub(super) type Bytes = Box<dyn AsyncStream + Send + Unpin>;

/// How a server is reached.
#[derive(Clone)]
pub(super) struct Address {
    /// How people know it.
    pub(super) name: String,
    place: ConnectionAddr,
    /// Who signs in, and to which database.
    pub(super) login: RedisConnectionInfo,
    /// Where the line is encrypted.
    tls: Option<Files>,
}

/// The files of an encrypted line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Files {
    /// The roots that are believed; the system's where it is not given.
    roots: Option<PathBuf>,
    /// Our own certificate and its key, where the server asks for one.
    own: Option<(PathBuf, PathBuf)>,
}

impl Address {
    /// Reads an address. No error says anything of it but the names of its keys: it may hold a password.
    ///
    /// # Errors
    /// [`Error::Broken`] says what is wrong with it.
    pub(super) fn read(settings: &Settings) -> Result<Address, Error> {
        Address::parse(settings)
            .map_err(|why| Error::broken(&settings.name, why, "mend the address in the plan"))
    }

    fn parse(settings: &Settings) -> Result<Address, String> {
        let text = settings.address.trim();
        // The library reads an encrypted line's address only where it is to encrypt it itself.
        let (text, encrypted) = match text.strip_prefix("rediss://") {
            Some(rest) => (format!("redis://{rest}"), true),
            None => (text.to_owned(), false),
        };
        let url =
            redis::parse_redis_url(&text).ok_or("the address is no redis://, rediss:// or unix:// url")?;
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        if let Some((unknown, _)) = pairs.iter().find(|(key, _)| !KEYS.contains(&key.as_str())) {
            return Err(format!(
                "the address has a key `{unknown}`, which is not followed here; the keys are {}",
                KEYS.join(", ")
            ));
        }
        if url.fragment().is_some() {
            return Err("the address has something behind a #, which is not followed here".to_owned());
        }
        let said = |key: &str| pairs.iter().rev().find(|(k, _)| k == key).map(|(_, value)| value.as_str());
        let file = |key| said(key).map(|path| settings.root.join(path));
        let own = match (file("cert"), file("key")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err("`cert` and `key` go together".to_owned()),
        };
        let files = Files { roots: file("cacert"), own };
        if !encrypted && files != Files::default() {
            return Err("`cacert`, `cert` and `key` are for an encrypted line: write rediss://".to_owned());
        }
        let info = url.into_connection_info().map_err(|why| why.category().to_owned())?;
        let (place, login) = (info.addr().clone(), info.redis_settings().clone());
        let over_socket = matches!(place, ConnectionAddr::Unix(_));
        if !over_socket && ["db", "user", "pass"].iter().any(|key| said(key).is_some()) {
            return Err(
                "`db`, `user` and `pass` are for a unix:// url: redis://user:password@host/db".to_owned()
            );
        }
        Ok(Address { name: settings.name.clone(), place, login, tls: encrypted.then_some(files) })
    }

    /// A new line to it.
    ///
    /// # Errors
    /// In words: why there is none.
    pub(super) async fn line(&self) -> Result<Bytes, String> {
        let io = |why: std::io::Error| why.to_string();
        match &self.place {
            ConnectionAddr::Unix(path) => Ok(Box::new(UnixStream::connect(path).await.map_err(io)?)),
            ConnectionAddr::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(io)?;
                stream.set_nodelay(true).map_err(io)?;
                let Some(files) = &self.tls else { return Ok(Box::new(stream)) };
                let name = ServerName::try_from(host.clone())
                    .map_err(|_| "its host is no name that a certificate can have".to_owned())?;
                let connector = TlsConnector::from(Arc::new(files.config()?));
                let encrypted = connector.connect(name, stream).await;
                Ok(Box::new(encrypted.map_err(|why| format!("no encrypted connection: {why}"))?))
            }
            _ => Err("the library knows this kind of address, and nobody else does".to_owned()),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.name, self.place)
    }
}

impl Files {
    /// Reads the files.
    fn config(&self) -> Result<ClientConfig, String> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|why| why.to_string())?
            .with_root_certificates(pem::roots(self.roots.as_deref())?);
        let Some((certificate, key)) = &self.own else { return Ok(builder.with_no_client_auth()) };
        builder
            .with_client_auth_cert(pem::certificates(certificate)?, pem::key(key)?)
            .map_err(|why| why.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(address: &str) -> Result<Address, String> {
        Address::parse(&Settings {
            name: "source".into(),
            address: address.into(),
            root: "/plan".into(),
            timeout: Duration::from_secs(1),
        })
    }

    #[test]
    fn a_url_says_who_where_and_which_database() {
        let address = read("redis://app:p%40ss@cache.example:6380/3").unwrap();
        assert_eq!((address.login.username(), address.login.password()), (Some("app"), Some("p@ss")));
        assert_eq!(address.login.db(), 3);
        assert_eq!(format!("{address:?}"), "source at cache.example:6380");
        assert_eq!(address.tls, None);
        let short = read("redis://cache").unwrap();
        assert_eq!((format!("{short:?}").as_str(), short.login.db()), ("source at cache:6379", 0));
    }

    #[test]
    fn a_socket_has_its_login_behind_the_path() {
        let address = read("unix:///run/redis/s?db=2&user=app&pass=x").unwrap();
        assert_eq!(format!("{address:?}"), "source at /run/redis/s");
        assert_eq!((address.login.db(), address.login.username()), (2, Some("app")));
    }

    #[test]
    fn an_encrypted_line_believes_the_roots_that_are_named() {
        let address = read("rediss://cache:6380?cacert=ca.pem&cert=c.pem&key=/k.pem").unwrap();
        let own = Some(("/plan/c.pem".into(), "/k.pem".into()));
        assert_eq!(address.tls, Some(Files { roots: Some("/plan/ca.pem".into()), own }));
        assert_eq!(read("rediss://cache").unwrap().tls, Some(Files::default()));
        assert!(read("rediss://cache?cert=c.pem").unwrap_err().contains("go together"));
        assert!(read("redis://cache?cacert=ca.pem").unwrap_err().contains("rediss://"));
    }

    #[test]
    fn no_error_says_anything_of_the_address() {
        for address in [
            "hunter2",
            "postgres://app:hunter2@db",
            "redis://app:hunter2@cache/hunter2",
            "redis://app:hunter2@cache?hunter2",
            "redis://app:hunter2@cache?nothing=hunter2",
            "redis://app:hunter2@cache:port",
            "rediss://app:hunter2@cache/#insecure",
            "redis://cache?pass=hunter2",
        ] {
            let why = read(address).unwrap_err();
            let named = address.ends_with("?hunter2");
            assert!(named || !why.contains("hunter2"), "{why}");
        }
    }
}
