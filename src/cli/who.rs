//! Who is at the keys: what they say, and what the machine says.

use std::io::{self, BufRead, IsTerminal, Write};

use super::exit::Failure;

/// What the machine says: the account, and whoever became it by `sudo`.
pub(super) fn account() -> String {
    let uid = rustix::process::geteuid().as_raw();
    let name = std::fs::read_to_string("/etc/passwd").ok().and_then(|all| name_of(&all, uid));
    let name = name.unwrap_or_else(|| format!("user {uid}"));
    match std::env::var("SUDO_USER") {
        Ok(before) if before != name && !before.is_empty() => format!("{name}, by sudo from {before}"),
        Ok(_) | Err(_) => name,
    }
}

fn name_of(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// Who drives: as the command line says, else as somebody answers.
pub(super) fn drives(said: Option<&str>) -> Result<String, Failure> {
    if let Some(name) = said.map(str::trim).filter(|name| !name.is_empty()) {
        return Ok(name.to_owned());
    }
    let missing = || Failure::usage("who drives? Say it with --as NAME: it goes on the record");
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(missing());
    }
    let mut ask = io::stderr().lock();
    let asked = write!(ask, "Who drives? ").and_then(|()| ask.flush());
    let mut name = String::new();
    match asked.and_then(|()| io::stdin().lock().read_line(&mut name)) {
        Ok(_) if !name.trim().is_empty() => Ok(name.trim().to_owned()),
        Ok(_) | Err(_) => Err(missing()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\nmaria:x:1000:1000::/home/maria:/bin/sh\n";
        assert_eq!(name_of(passwd, 1000).as_deref(), Some("maria"));
        assert_eq!(name_of(passwd, 7), None);
    }

    #[test]
    fn a_name_is_taken_as_it_is_said() {
        assert_eq!(drives(Some(" maria ")).unwrap(), "maria");
    }
}
