//! The address of a PostgreSQL server as libpq reads one.
//!
//! Owns the two notations (URL, keywords) and what is left out of an address: who you are, the socket of this host; a
//! person's files are [`super::files`]'. Refuses to take anything from `PG…` variables but where those two files lie: a variable
//! that somebody forgot would lead one side of a move to another server. Look next at `tls`.
//!
//! Source: PostgreSQL's documentation, "Connection Strings", "The Connection Service File", "The Password File".

use std::fmt;
use std::path::Path;
use std::str::FromStr as _;

use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use super::connection::Manners;
use super::files::{Home, password, service};
use super::tls::{Files, Trust};
use crate::databases::percent::decoded;

/// Where Debian's and most other packages put the server's socket.
pub(super) const SOCKETS: &str = "/var/run/postgresql";
/// The port of a server, and the name of its socket, where an address has none.
const PORT: u16 = 5432;
/// What of an address is handed on to the library as it stands.
const HANDED_ON: [&str; 17] = [
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "target_session_attrs",
    "channel_binding",
    "load_balance_hosts",
];
/// What of an address is ours to follow.
const OURS: [&str; 7] =
    ["service", "passfile", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslnegotiation"];

/// How a server is reached.
#[derive(Clone)]
pub(super) struct Address {
    /// What the library connects by.
    pub(super) config: Config,
    /// Which certificates are trusted, and which are shown.
    pub(super) files: Files,
    /// Where it is: no user, no password.
    pub(super) name: String,
}

/// What an address says, in the order of saying; the last of a key holds.
#[derive(Default)]
struct Said(Vec<(String, String)>);

impl Said {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().rev().find(|(k, _)| k == key).map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }

    fn fill_in(&mut self, key: &str, value: impl Into<String>) {
        if self.get(key).is_none() {
            self.0.push((key.to_owned(), value.into()));
        }
    }
}

impl Address {
    /// Reads an address. No error says anything of it but the names of its keys: it may hold a password.
    pub(super) fn read(text: &str, home: &Home) -> Result<Address, String> {
        let text = text.trim();
        let mut said = match text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://")) {
            Some(rest) => url(rest)?,
            None => Said(keywords(text)?),
        };
        if let Some((unknown, _)) =
            said.0.iter().find(|(key, _)| !HANDED_ON.contains(&key.as_str()) && !OURS.contains(&key.as_str()))
        {
            return Err(format!(
                "the address has a key `{unknown}`, which is not followed here; the keys are {}, {}",
                HANDED_ON.join(", "),
                OURS.join(", ")
            ));
        }
        if let Some(name) = said.get("service").map(str::to_owned) {
            for (key, value) in service(&name, home)? {
                said.fill_in(&key, value);
            }
        }
        if said.get("hostaddr").is_none() {
            said.fill_in("host", SOCKETS);
        }
        if let Some(account) = &home.account {
            said.fill_in("user", account);
        }
        let user = said.get("user").ok_or("the address names no `user`")?.to_owned();
        said.fill_in("dbname", user);
        said.fill_in("application_name", super::APPLICATION);
        let (host, port) = (first(&said, "host").or_else(|| first(&said, "hostaddr")), first(&said, "port"));
        let (host, port) = (host.unwrap_or_default(), port.unwrap_or_else(|| PORT.to_string()));
        let database = said.get("dbname").unwrap_or_default().to_owned();
        if said.get("password").is_none()
            && let Some(password) = password(
                said.get("passfile").map(Path::new),
                home,
                [&host, &port, &database, said.get("user").unwrap_or_default()],
            )?
        {
            said.0.push(("password".to_owned(), password));
        }
        let (mode, trust) = trust(&said)?;
        let path = |key, file| {
            said.get(key)
                .map(|path| home.root.join(path))
                .or_else(|| home.file(file).filter(|path| path.exists()))
        };
        let roots = match said.get("sslrootcert") {
            Some("system") => None,
            _ => path("sslrootcert", ".postgresql/root.crt"),
        };
        let files = Files {
            // As libpq does: who asks for encryption and has a file of roots gets them looked at, too.
            trust: if trust == Trust::Anybody && mode == SslMode::Require && roots.is_some() {
                Trust::Chain
            } else {
                trust
            },
            roots,
            system: said.get("sslrootcert") == Some("system"),
            certificate: path("sslcert", ".postgresql/postgresql.crt"),
            key: path("sslkey", ".postgresql/postgresql.key"),
        };
        let mut config = library(&said)?;
        config.ssl_mode(mode);
        Ok(Address { config, files, name: name(&database, &host, &port) })
    }
}

/// What a session of ours asks for while it connects: a server ends what it does for us after a minute, should nobody be
/// there any more to say so, and looks every second whether somebody is.
const OPTIONS: &str = "-c statement_timeout=60000 -c idle_in_transaction_session_timeout=60000 \
                       -c client_connection_check_interval=1000";

impl Address {
    /// The same for a session of these manners.
    pub(super) fn with_manners(&self, manners: Manners) -> Config {
        let mut config = self.config.clone();
        if manners == Manners::Ours {
            let own = config.get_options().unwrap_or_default();
            let all = format!("{own} {OPTIONS}");
            config.options(all.trim_start());
        }
        config
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The first of a list.
fn first(said: &Said, key: &str) -> Option<String> {
    said.get(key).and_then(|list| list.split(',').next()).filter(|one| !one.is_empty()).map(str::to_owned)
}

fn name(database: &str, host: &str, port: &str) -> String {
    if host.starts_with('/') {
        return format!("postgres {database} at {host}/.s.PGSQL.{port}");
    }
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    format!("postgres {database} at {host}:{port}")
}

/// What the library makes of its part of an address.
fn library(said: &Said) -> Result<Config, String> {
    let quoted = |value: &str| value.replace('\\', "\\\\").replace('\'', "\\'");
    let handed = HANDED_ON.iter().filter_map(|key| Some(format!("{key}='{}'", quoted(said.get(key)?))));
    let text = handed.collect::<Vec<_>>().join(" ");
    let deepest = |why: tokio_postgres::Error| {
        // The layer above says only that the string is invalid; the one below names the key, never its value.
        std::error::Error::source(&why).map_or_else(|| why.to_string(), ToString::to_string)
    };
    Config::from_str(&text).map_err(|why| format!("the address cannot be read: {}", deepest(why)))
}

/// How much is encrypted, and who is believed.
fn trust(said: &Said) -> Result<(SslMode, Trust), String> {
    if said.get("sslnegotiation").is_some_and(|how| how != "postgres") {
        return Err("`sslnegotiation` other than postgres is not followed here".to_owned());
    }
    match said.get("sslmode").unwrap_or("prefer") {
        "disable" => Ok((SslMode::Disable, Trust::Anybody)),
        "prefer" => Ok((SslMode::Prefer, Trust::Anybody)),
        "require" => Ok((SslMode::Require, Trust::Anybody)),
        "verify-ca" => Ok((SslMode::Require, Trust::Chain)),
        "verify-full" => Ok((SslMode::Require, Trust::Name)),
        _ => Err("`sslmode` is one of disable, prefer, require, verify-ca, verify-full".to_owned()),
    }
}

/// `user:password@host:port,host:port/database?key=value`, everything optional.
fn url(rest: &str) -> Result<Said, String> {
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (who, places) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = who.split_once(':').unwrap_or((who, ""));
    let mut said = Said::default();
    let mut say = |key: &str, value: &str| -> Result<(), String> {
        if !value.is_empty() {
            said.0.push((
                key.to_owned(),
                decoded(value)
                    .ok_or(format!("the {key} in the url is not UTF-8, or a % in it is not written %25"))?,
            ));
        }
        Ok(())
    };
    say("user", user)?;
    say("password", password)?;
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    for place in places.split(',').filter(|_| !places.is_empty()) {
        let (host, port) = match place.strip_prefix('[').and_then(|p| p.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':').unwrap_or(port)),
            None => place.split_once(':').unwrap_or((place, "")),
        };
        hosts.push(host);
        ports.push(port);
    }
    say("host", &hosts.join(","))?;
    if ports.iter().any(|port| !port.is_empty()) {
        say("port", &ports.join(","))?;
    }
    say("dbname", database)?;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or("what follows the ? in the url is not key=value")?;
        say(key, value)?;
    }
    Ok(said)
}

/// `host=db port=5432 password='it''s'`: values with spaces in single quotes, `\` before a quote or itself.
fn keywords(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut said = Vec::new();
    let mut rest = text.chars().peekable();
    loop {
        while rest.next_if(|c| c.is_whitespace()).is_some() {}
        if rest.peek().is_none() {
            return Ok(said);
        }
        let mut key = String::new();
        while let Some(c) = rest.next_if(|c| *c != '=') {
            key.push(c);
        }
        if rest.next().is_none() {
            // Not said back: it may be a password that lost its key.
            return Err("the address is neither a postgres:// url nor key=value pairs".to_owned());
        }
        while rest.next_if(|c| c.is_whitespace()).is_some() {}
        let quoted = rest.next_if_eq(&'\'').is_some();
        let mut value = String::new();
        loop {
            match rest.next() {
                Some('\\') => value.extend(rest.next()),
                Some('\'') if quoted => break,
                Some(c) if !quoted && c.is_whitespace() => break,
                Some(c) => value.push(c),
                None if quoted => return Err(format!("the value of `{}` has no closing quote", key.trim())),
                None => break,
            }
        }
        said.push((key.trim().to_owned(), value));
    }
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::Host;

    use super::*;

    fn home(root: &Path) -> Home {
        Home {
            root: root.to_owned(),
            folder: Some(root.to_owned()),
            passwords: None,
            services: None,
            account: Some("ada".into()),
        }
    }

    fn read(text: &str) -> Result<Address, String> {
        Address::read(text, &home(Path::new("/nowhere")))
    }

    fn private(path: &Path, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    #[test]
    fn a_url_and_keywords_say_the_same() {
        let url =
            read("postgres://cut%40over:p%3Aw@db.example:6543/orders?sslmode=require&connect_timeout=3")
                .unwrap();
        let words = read("host=db.example port = 6543 user=cut@over password='p:w' dbname=orders sslmode=require connect_timeout=3").unwrap();
        assert_eq!(url.config, words.config);
        assert_eq!(url.config.get_password(), Some("p:w".as_bytes()));
        assert_eq!(url.config.get_ports(), [6543]);
        assert_eq!(url.name, "postgres orders at db.example:6543");
        assert!(!format!("{url:?}").contains("p:w"));
    }

    #[test]
    fn what_is_left_out_is_the_account_and_the_socket_of_this_host() {
        let all = read("").unwrap();
        assert_eq!(all.config.get_hosts(), [Host::Unix(SOCKETS.into())]);
        assert_eq!((all.config.get_user(), all.config.get_dbname()), (Some("ada"), Some("ada")));
        assert_eq!(all.name, "postgres ada at /var/run/postgresql/.s.PGSQL.5432");
        let socket = read("postgres:///orders?host=/tmp/s&user=bob").unwrap();
        assert_eq!(socket.config.get_hosts(), [Host::Unix("/tmp/s".into())]);
        assert_eq!((socket.config.get_user(), socket.config.get_dbname()), (Some("bob"), Some("orders")));
        let six = read("postgres://[::1]:5433/x").unwrap();
        assert_eq!(six.config.get_hosts(), [Host::Tcp("::1".into())]);
        assert_eq!(six.name, "postgres x at [::1]:5433");
    }

    #[test]
    fn a_wrong_address_is_named_by_its_key_and_says_no_value() {
        for (text, names) in [
            ("postgres://a:s3cret@h/d?colour=red", "`colour`"),
            ("s3cret", "neither"),
            ("password='s3cret", "`password`"),
            ("host=h port=s3cret", "port"),
            ("host=h sslmode=s3cret", "verify-full"),
            ("postgres://a:s3cret%zz@h/d", "%25"),
            ("service=none", "no service `none`"),
        ] {
            let why = read(text).unwrap_err();
            assert!(why.contains(names) && !why.contains("s3cret"), "{text}: {why}");
        }
    }

    #[test]
    fn a_service_fills_in_what_the_address_does_not_say() {
        let dir = tempfile::tempdir().unwrap();
        let text =
            "# ours\n[other]\nhost=no\n\n[orders]\nhost = db.example\nport=6000\nuser=svc\n[last]\nhost=no\n";
        std::fs::write(dir.path().join(".pg_service.conf"), text).unwrap();
        let address = Address::read("service=orders user=me", &home(dir.path())).unwrap();
        assert_eq!(address.name, "postgres me at db.example:6000");
        assert_eq!(address.config.get_user(), Some("me"));
    }

    #[test]
    fn the_first_line_of_the_password_file_that_fits_holds_and_only_when_nobody_else_may_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(".pgpass");
        private(
            &file,
            "# mine\ndb:5432:other:ada:no\ndb:*:*:ada:w\\:rd:x\n*:*:*:*:last\nlocalhost:*:*:*:never\n",
        );
        let word = |text: &str| {
            let address = Address::read(text, &home(dir.path()))?;
            Ok::<_, String>(address.config.get_password().map(|p| String::from_utf8(p.to_vec()).unwrap()))
        };
        assert_eq!(word("host=db dbname=orders").unwrap().as_deref(), Some("w:rd:x"));
        assert_eq!(word("host=db dbname=other").unwrap().as_deref(), Some("no"));
        assert_eq!(word("host=db user=bob").unwrap().as_deref(), Some("last"));
        assert_eq!(word("host=db password=own").unwrap().as_deref(), Some("own"));
        std::fs::write(dir.path().join("open"), "*:*:*:*:x\n").unwrap();
        assert!(word("host=db passfile=open").unwrap_err().contains("chmod 600"));
        assert!(word("host=db passfile=gone").unwrap_err().contains("gone"));
    }

    #[test]
    fn encryption_is_asked_for_and_checked_as_far_as_the_address_says() {
        let dir = tempfile::tempdir().unwrap();
        let of = |text: &str| {
            let address = Address::read(text, &home(dir.path())).unwrap();
            (address.config.get_ssl_mode(), address.files.trust)
        };
        assert_eq!(of("host=h"), (SslMode::Prefer, Trust::Anybody));
        assert_eq!(of("host=h sslmode=require"), (SslMode::Require, Trust::Anybody));
        assert_eq!(of("host=h sslmode=verify-full"), (SslMode::Require, Trust::Name));
        std::fs::create_dir(dir.path().join(".postgresql")).unwrap();
        std::fs::write(dir.path().join(".postgresql/root.crt"), "").unwrap();
        assert_eq!(of("host=h sslmode=require"), (SslMode::Require, Trust::Chain));
        assert_eq!(of("host=h sslmode=prefer"), (SslMode::Prefer, Trust::Anybody));
    }
}
