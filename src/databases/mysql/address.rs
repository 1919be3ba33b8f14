//! The address of a MySQL or MariaDB server: a URL with the options that their own clients have.
//!
//! Owns the URL, what `~/.my.cnf` fills in, and what is meant where neither says it. Refuses to take anything from variables
//! but where that file lies and who one is. Look next at `connection`.
//!
//! Source: MySQL's documentation, "Command Options for Connecting to the Server", "Command Options for Encrypted Connections".

use std::fmt;
use std::path::{Path, PathBuf};

use mysql_async::{ClientIdentity, Opts, OptsBuilder, SslOpts};

use super::options;
use crate::databases::percent::decoded;
use crate::databases::{Error, Settings};

/// Where Debian's and most other packages put the server's socket.
const SOCKET: &str = "/run/mysqld/mysqld.sock";
/// A server's port.
const PORT: u16 = 3306;
/// In bytes: no server sends more at once.
const LARGEST_PACKET: usize = 1 << 30;
/// In seconds: what servers are set to.
const SERVERS_WAIT_TIMEOUT: usize = 28_800;
/// What may stand behind the `?`.
const KEYS: [&str; 5] = ["ssl-mode", "ssl-ca", "ssl-cert", "ssl-key", "socket"];

/// How a server is reached.
#[derive(Clone)]
pub(super) struct Address {
    options: OptsBuilder,
    /// With which encryption.
    pub(super) ssl: Ssl,
    /// The database that is meant; `None`: all of the server's.
    pub(super) database: Option<String>,
    /// How people know it.
    pub(super) name: String,
    /// Where it is, without user and password.
    place: String,
}

/// How much is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ssl {
    /// Nothing: `DISABLED`, and over a socket.
    Never,
    /// Where the server can: `PREFERRED`.
    IfThere(SslOpts),
    /// Always: `REQUIRED`, `VERIFY_CA`, `VERIFY_IDENTITY`.
    Always(SslOpts),
}

/// Where a person's files lie, and who they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Home {
    /// `~/.my.cnf`.
    pub(super) file: Option<PathBuf>,
    /// Their account.
    pub(super) account: Option<String>,
}

impl Home {
    /// That of this process.
    pub(super) fn of_process() -> Home {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Home { file: set("HOME").map(|home| Path::new(&home).join(".my.cnf")), account: set("USER") }
    }
}

#[derive(Default)]
struct Said {
    user: Option<String>,
    password: Option<String>,
    host: Option<String>,
    port: Option<String>,
    database: Option<String>,
    more: Vec<(String, String)>,
}

impl Said {
    fn get(&self, key: &str) -> Option<&str> {
        self.more.iter().rev().find(|(k, _)| k == key).map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }
}

impl Address {
    /// Reads an address. No error says anything of it but the names of its keys: it may hold a password.
    ///
    /// # Errors
    /// [`Error::Broken`] says what is wrong with it.
    pub(super) fn read(settings: &Settings, home: &Home) -> Result<Address, Error> {
        Address::parse(settings, home)
            .map_err(|why| Error::broken(&settings.name, why, "mend the address in the plan"))
    }

    fn parse(settings: &Settings, home: &Home) -> Result<Address, String> {
        let mut said = url(settings.address.trim())?;
        if let Some((unknown, _)) = said.more.iter().find(|(key, _)| !KEYS.contains(&key.as_str())) {
            return Err(format!(
                "the address has a key `{unknown}`, which is not followed here; the keys are {}",
                KEYS.join(", ")
            ));
        }
        if said.user.is_none() || said.password.is_none() || said.host.is_none() {
            fill_in(&mut said, home)?;
        }
        let user = said.user.clone().or_else(|| home.account.clone()).ok_or("the address names no user")?;
        let port = match &said.port {
            None => PORT,
            Some(port) => {
                port.parse().map_err(|_| "the port in the address is no number up to 65535".to_owned())?
            }
        };
        // As the servers' own clients: this host by its name, and no port, is its socket, where one is named.
        let here = said.host.is_none() || (said.host.as_deref() == Some("localhost") && said.port.is_none());
        let socket = match (said.get("socket"), &said.host) {
            (Some(path), _) if here => Some(settings.root.join(path)),
            (None, None) if said.port.is_none() => Some(PathBuf::from(SOCKET)),
            _ => None,
        };
        let host = said.host.clone().unwrap_or_else(|| "localhost".to_owned());
        let ssl = match &socket {
            Some(_) => Ssl::Never,
            None => ssl(&said, &settings.root)?,
        };
        let place = match &socket {
            Some(path) => path.display().to_string(),
            None => format!("{host}:{port}"),
        };
        let socket = socket
            .map(|path| path.into_os_string().into_string().map_err(|_| "the socket's path is not UTF-8"))
            .transpose()?;
        let options = OptsBuilder::default()
            .ip_or_hostname(host)
            .tcp_port(port)
            .socket(socket)
            .user(Some(user))
            .pass(said.password)
            .db_name(said.database.clone())
            .prefer_socket(false)
            // What the library is not told it asks for on every connection, which is one wait more. Neither bounds anything
            // here: a server sends no larger packets, and only the library's pool looks at the other.
            .max_allowed_packet(Some(LARGEST_PACKET))
            .wait_timeout(Some(SERVERS_WAIT_TIMEOUT))
            .stmt_cache_size(0);
        Ok(Address { options, ssl, database: said.database, name: settings.name.clone(), place })
    }

    /// What the library connects by.
    pub(super) fn library(&self, ssl: Option<&SslOpts>) -> Opts {
        self.options.clone().ssl_opts(ssl.cloned()).into()
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.name, self.place)
    }
}

fn fill_in(said: &mut Said, home: &Home) -> Result<(), String> {
    let Some(file) = &home.file else { return Ok(()) };
    let options = options::client(file)?;
    let option = |key: &str| {
        options.iter().rev().find(|(k, _)| k == key).map(|(_, v)| v.clone()).filter(|v| !v.is_empty())
    };
    // A host of the file's has the file's port and socket; one of the address has its own.
    if said.host.is_none() && said.get("socket").is_none() {
        said.host = option("host");
        said.port = said.port.take().or_else(|| option("port"));
        said.more.extend(option("socket").map(|path| ("socket".to_owned(), path)));
    }
    said.user = said.user.take().or_else(|| option("user"));
    said.password = said.password.take().or_else(|| option("password"));
    Ok(())
}

/// Which encryption, and who is believed.
fn ssl(said: &Said, root: &Path) -> Result<Ssl, String> {
    let mode = said.get("ssl-mode").unwrap_or("PREFERRED").to_ascii_uppercase().replace('-', "_");
    let path = |key| said.get(key).map(|path| root.join(path));
    let identity = match (path("ssl-cert"), path("ssl-key")) {
        (Some(certificate), Some(key)) => Some(ClientIdentity::new(certificate.into(), key.into())),
        (None, None) => None,
        _ => return Err("`ssl-cert` and `ssl-key` go together".to_owned()),
    };
    let options = SslOpts::default().with_client_identity(identity);
    let believing =
        options.clone().with_danger_accept_invalid_certs(true).with_danger_skip_domain_validation(true);
    let checked = || {
        let roots = path("ssl-ca").ok_or(
            "`ssl-mode` asks for the server's certificate to be checked, and no roots are named: set `ssl-ca` to a PEM file",
        )?;
        Ok::<_, String>(options.clone().with_root_certs(vec![roots.into()]).with_disable_built_in_roots(true))
    };
    match mode.as_str() {
        "DISABLED" => Ok(Ssl::Never),
        "PREFERRED" => Ok(Ssl::IfThere(believing)),
        // As the clients do: who names roots gets them looked at.
        "REQUIRED" if path("ssl-ca").is_some() => {
            Ok(Ssl::Always(checked()?.with_danger_skip_domain_validation(true)))
        }
        "REQUIRED" => Ok(Ssl::Always(believing)),
        "VERIFY_CA" => Ok(Ssl::Always(checked()?.with_danger_skip_domain_validation(true))),
        "VERIFY_IDENTITY" => Ok(Ssl::Always(checked()?)),
        _ => Err("`ssl-mode` is one of DISABLED, PREFERRED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY".to_owned()),
    }
}

/// `mysql://user:password@host:port/database?key=value`, everything behind the scheme optional.
fn url(text: &str) -> Result<Said, String> {
    let Some(rest) = text.strip_prefix("mysql://").or_else(|| text.strip_prefix("mariadb://")) else {
        return Err("the address is no mysql:// url".to_owned());
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (who, place) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = match who.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (who, None),
    };
    let (host, port) = match place.strip_prefix('[').and_then(|p| p.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':').unwrap_or(port)),
        None => place.split_once(':').unwrap_or((place, "")),
    };
    let read = |key: &str, value: &str| -> Result<Option<String>, String> {
        if value.is_empty() {
            return Ok(None);
        }
        let value = decoded(value)
            .ok_or(format!("the {key} in the url is not UTF-8, or a % in it is not written %25"))?;
        Ok(Some(value))
    };
    let mut said = Said {
        user: read("user", user)?,
        // An empty one is said, too: then no file is asked for it.
        password: password.map(|p| read("password", p).map(Option::unwrap_or_default)).transpose()?,
        host: read("host", host)?,
        port: read("port", port)?,
        database: read("database", database)?,
        more: Vec::new(),
    };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or("what follows the ? in the url is not key=value")?;
        let value = read(key, value)?.unwrap_or_default();
        said.more.push((key.to_ascii_lowercase().replace('_', "-"), value));
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn settings(address: &str) -> Settings {
        Settings {
            name: "source".into(),
            address: address.into(),
            root: "/plan".into(),
            timeout: Duration::from_secs(1),
        }
    }

    fn read(address: &str) -> Result<Address, String> {
        Address::parse(&settings(address), &Home { file: None, account: Some("ada".into()) })
    }

    #[test]
    fn a_url_says_who_where_and_what() {
        let address = read("mysql://app:p%40ss@db.example:3307/shop?ssl-mode=DISABLED").unwrap();
        let library = address.library(None);
        assert_eq!((library.user(), library.pass()), (Some("app"), Some("p@ss")));
        assert_eq!((library.ip_or_hostname(), library.tcp_port()), ("db.example", 3307));
        assert_eq!(address.database.as_deref(), Some("shop"));
        assert_eq!(format!("{address:?}"), "source at db.example:3307");
    }

    #[test]
    fn no_host_is_this_hosts_socket() {
        assert_eq!(read("mysql:///shop").unwrap().library(None).socket(), Some(SOCKET));
        assert_eq!(read("mysql://root@?socket=s.sock").unwrap().library(None).socket(), Some("/plan/s.sock"));
        let by_name = read("mysql://localhost/?socket=/s").unwrap();
        assert_eq!((by_name.library(None).socket(), by_name.ssl), (Some("/s"), Ssl::Never));
        assert_eq!(read("mysql://127.0.0.1/?socket=/s").unwrap().library(None).socket(), None);
        assert_eq!(read("mysql://localhost:3306/?socket=/s").unwrap().library(None).socket(), None);
    }

    #[test]
    fn the_option_file_fills_in_what_the_url_leaves_out() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::TempDir::new().unwrap();
        let file = dir.path().join(".my.cnf");
        std::fs::write(&file, "[client]\nuser=bob\npassword=secret\nhost=db9\nport=3399\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let home = Home { file: Some(file.clone()), account: Some("ada".into()) };
        let filled = Address::parse(&settings("mysql:///shop"), &home).unwrap().library(None);
        assert_eq!((filled.user(), filled.pass()), (Some("bob"), Some("secret")));
        assert_eq!((filled.ip_or_hostname(), filled.tcp_port()), ("db9", 3399));
        let said = Address::parse(&settings("mysql://app@db1"), &home).unwrap().library(None);
        assert_eq!((said.user(), said.ip_or_hostname(), said.tcp_port()), (Some("app"), "db1", 3306));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(Address::parse(&settings("mysql://app@db1"), &home).is_err());
        assert!(Address::parse(&settings("mysql://app:x@db1"), &home).is_ok(), "nothing is left out");
    }

    #[test]
    fn encryption_is_as_the_mode_says() {
        let ssl = |more: &str| read(&format!("mysql://db/?{more}")).map(|a| a.ssl);
        assert!(matches!(ssl(""), Ok(Ssl::IfThere(s)) if s.accept_invalid_certs()));
        assert!(matches!(ssl("ssl-mode=required"), Ok(Ssl::Always(s)) if s.accept_invalid_certs()));
        let believes = |s: &SslOpts| !s.accept_invalid_certs() && s.disable_built_in_roots();
        let chain = ssl("ssl-mode=VERIFY_CA&ssl-ca=ca.pem");
        assert!(matches!(chain, Ok(Ssl::Always(s)) if believes(&s) && s.skip_domain_validation()));
        let name = ssl("ssl-mode=VERIFY_IDENTITY&ssl-ca=ca.pem");
        assert!(matches!(name, Ok(Ssl::Always(s)) if believes(&s) && !s.skip_domain_validation()));
        assert!(ssl("ssl-mode=VERIFY_CA").unwrap_err().contains("ssl-ca"));
        assert!(ssl("ssl-mode=on").is_err());
        assert!(ssl("ssl-cert=a").is_err());
    }

    #[test]
    fn no_error_says_anything_of_the_address() {
        for address in [
            "hunter2",
            "postgres://app:hunter2@db",
            "mysql://app:hunter2@db/?nothing=hunter2",
            "mysql://app:hunter2@db/?ssl-mode=hunter2",
            "mysql://app:hunter2%@db/",
            "mysql://app:hunter2@db:port",
            "mysql://app:hunter2@db/?hunter2",
        ] {
            let why = read(address).unwrap_err();
            assert!(!why.contains("hunter2"), "{why}");
        }
    }
}
