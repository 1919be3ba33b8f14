//! A person's files: the services that they have named, and the passwords that they keep.
//!
//! Source: PostgreSQL's documentation, "The Connection Service File", "The Password File".

use std::path::{Path, PathBuf};

use super::address::SOCKETS;

/// Where a person's files lie.
#[derive(Clone, Debug)]
pub(super) struct Home {
    /// Relative paths of an address start here.
    pub(super) root: PathBuf,
    /// Their folder.
    pub(super) folder: Option<PathBuf>,
    /// `PGPASSFILE`.
    pub(super) passwords: Option<PathBuf>,
    /// `PGSERVICEFILE`.
    pub(super) services: Option<PathBuf>,
    /// Their account.
    pub(super) account: Option<String>,
}

impl Home {
    /// That of this process; relative paths start from `root`.
    pub(super) fn of_process(root: &Path) -> Home {
        let path = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        Home {
            root: root.to_owned(),
            folder: path("HOME"),
            passwords: path("PGPASSFILE"),
            services: path("PGSERVICEFILE"),
            account: std::env::var("USER").ok().filter(|name| !name.is_empty()),
        }
    }

    pub(super) fn file(&self, name: &str) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(name))
    }
}

/// What the service file says under a name.
pub(super) fn service(name: &str, home: &Home) -> Result<Vec<(String, String)>, String> {
    let system = PathBuf::from("/etc/postgresql-common/pg_service.conf");
    let own = home.services.clone().or_else(|| home.file(".pg_service.conf"));
    let mut looked = Vec::new();
    for path in own.into_iter().chain([system]) {
        let Ok(text) = std::fs::read_to_string(&path) else {
            looked.push(path.display().to_string());
            continue;
        };
        let mut lines = text.lines().map(str::trim);
        if lines.any(|line| line == format!("[{name}]")) {
            let pairs = lines
                .take_while(|line| !line.starts_with('['))
                .filter(|line| !line.is_empty() && !line.starts_with('#'));
            return pairs
                .map(|line| {
                    let (key, value) = line.split_once('=').ok_or(format!(
                        "{} has a line under [{name}] that is not key=value",
                        path.display()
                    ))?;
                    Ok((key.trim().to_owned(), value.trim().to_owned()))
                })
                .collect();
        }
        looked.push(path.display().to_string());
    }
    Err(format!("no service `{name}` stands in {}", looked.join(" or ")))
}

/// The password that the password file has for host, port, database and account; the first line that fits holds. It is
/// the one that is `named`, else the person's own.
pub(super) fn password(
    named: Option<&Path>,
    home: &Home,
    wanted: [&str; 4],
) -> Result<Option<String>, String> {
    let named = named.map(|path| home.root.join(path)).or_else(|| home.passwords.clone());
    let Some(path) = named.clone().or_else(|| home.file(".pgpass")) else { return Ok(None) };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(_) if named.is_none() => return Ok(None),
        Err(why) => return Err(format!("the password file {} cannot be read: {why}", path.display())),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let open = std::fs::metadata(&path).is_ok_and(|about| about.permissions().mode() & 0o077 != 0);
        if open {
            return Err(format!(
                "others may read the password file {}, so it is not used: chmod 600 it",
                path.display()
            ));
        }
    }
    let [host, rest @ ..] = wanted;
    // A socket in its usual place is this host.
    let wanted = [&[if host == SOCKETS { "localhost" } else { host }], rest.as_slice()].concat();
    Ok(text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line);
        let [at @ .., password] = fields.as_slice() else { return None };
        let fits =
            at.len() == wanted.len() && at.iter().zip(&wanted).all(|(has, want)| has == "*" || has == want);
        fits.then(|| password.clone())
    }))
}

/// The five fields of a line, `\` before a colon that is none.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        let more = match c {
            '\\' => rest.next(),
            // A password may hold colons as they are.
            ':' if fields.len() < 5 => {
                fields.push(String::new());
                None
            }
            c => Some(c),
        };
        if let Some(field) = fields.last_mut() {
            field.extend(more);
        }
    }
    fields
}
