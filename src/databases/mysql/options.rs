//! What a person's `~/.my.cnf` says under `[client]`.
//!
//! Owns reading that one section of that one file. Refuses to follow `!include` and the system's files: an address is to mean the
//! same on every machine of a team but for who one is.
//!
//! Source: MySQL's documentation, "Using Option Files".

use std::path::Path;

/// The options of `[client]`, in the order of saying; nothing where there is no file.
///
/// # Errors
/// Others may read it, or it cannot be read. Nothing of what stands in it is said.
pub(super) fn client(path: &Path) -> Result<Vec<(String, String)>, String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(why) => return Err(format!("the option file {} cannot be read: {why}", path.display())),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let about = std::fs::metadata(path).map_err(|why| format!("{}: {why}", path.display()))?;
        if about.permissions().mode() & 0o077 != 0 {
            return Err(format!(
                "others may read the option file {}, so it is not used: chmod 600 it",
                path.display()
            ));
        }
    }
    Ok(section(&text))
}

fn section(text: &str) -> Vec<(String, String)> {
    let (mut inside, mut said) = (false, Vec::new());
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[') {
            inside = name.trim_end_matches(']') == "client";
        } else if inside && !line.is_empty() && !line.starts_with(['#', ';', '!']) {
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            said.push((key.trim().replace('_', "-"), unquoted(value.trim())));
        }
    }
    said
}

/// A value without the quotes around it, a comment behind it, and its escapes.
fn unquoted(value: &str) -> String {
    let quote = value.chars().next().filter(|c| "'\"".contains(*c));
    let body = match quote.and_then(|q| value.strip_prefix(q)?.rsplit_once(q)) {
        Some((body, _)) => body,
        None => value.split(" #").next().unwrap_or_default().trim_end(),
    };
    let mut out = String::with_capacity(body.len());
    let mut rest = body.chars();
    while let Some(c) = rest.next() {
        match (c, c == '\\') {
            (_, true) => match rest.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some('s') => out.push(' '),
                Some(other @ ('\\' | '"' | '\'')) => out.push(other),
                Some(other) => out.extend(['\\', other]),
                None => out.push('\\'),
            },
            (c, false) => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_clients_section_counts() {
        let text = "[mysqld]\nuser=mysql\n[client]\n# no\nuser = ada # her\npassword='a \\'#\\' b'\nssl_ca=/x\n\n[mysql]\nuser=bob\n";
        let said = section(text);
        let said: Vec<(&str, &str)> = said.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(said, [("user", "ada"), ("password", "a '#' b"), ("ssl-ca", "/x")]);
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join(".my.cnf");
        assert_eq!(client(&path), Ok(Vec::new()));
        std::fs::write(&path, "[client]\npassword=hunter2").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let why = client(&path).unwrap_err();
        assert!(why.contains("chmod 600") && !why.contains("hunter2"), "{why}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(client(&path).unwrap(), [("password".to_owned(), "hunter2".to_owned())]);
    }
}
