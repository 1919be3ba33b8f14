//! Who is at the keys: what they say, and what the machine says.

use std::io::{self, BufRead, IsTerminal, Write};

use super::exit::Failure;
use super::plans::PlanArgs;
use crate::plan::model::Person;
use crate::ui::safe;

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

/// Who drives, as the command line says.
pub(super) fn said(name: &str) -> Result<String, Failure> {
    Some(name.trim().to_owned()).filter(|name| !name.is_empty()).ok_or_else(|| missing(""))
}

/// Who drives: as the command line says, else as somebody answers, who is told whom the plan names. What is wrong
/// with the plan is said before anybody is asked.
pub(super) fn drives(name: Option<&str>, plan: &PlanArgs) -> Result<String, Failure> {
    if let Some(name) = name {
        return said(name);
    }
    let people = plan.load()?.plan.people;
    let names = named(&people);
    // Where the plan names one person, it is most likely them, and enter says so.
    let only = match people.as_slice() {
        [one] => Some(one.id.to_string()),
        _ => None,
    };
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(missing(&names));
    }
    let mut ask = io::stderr().lock();
    let told = if names.is_empty() { Ok(()) } else { writeln!(ask, "The plan names {names}.") };
    let asked = told.and_then(|()| write!(ask, "{}", question(only.as_deref()))).and_then(|()| ask.flush());
    let mut name = String::new();
    match asked.and_then(|()| io::stdin().lock().read_line(&mut name)) {
        Ok(read) if read > 0 => answered(&name, only).ok_or_else(|| missing(&names)),
        // The end of the input is no answer.
        Ok(_) | Err(_) => Err(missing(&names)),
    }
}

fn question(only: Option<&str>) -> String {
    let enter = only.map_or_else(String::new, |only| format!("enter: {}; ", safe::line(only)));
    format!("Who drives? ({enter}--as NAME says it at once) ")
}

/// Who it is: as it was answered, or the only one there is.
fn answered(line: &str, only: Option<String>) -> Option<String> {
    Some(line.trim().to_owned()).filter(|name| !name.is_empty()).or(only)
}

fn missing(names: &str) -> Failure {
    let names = if names.is_empty() { String::new() } else { format!("; the plan names {names}") };
    Failure::usage(format!("who drives? Say it with --as NAME: it goes on the record{names}"))
}

/// `maria (lead), jun (dba)`.
fn named(people: &[Person]) -> String {
    let one = |p: &Person| format!("{} ({})", safe::line(p.id.as_str()), safe::line(&p.role));
    people.iter().map(one).collect::<Vec<_>>().join(", ")
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
    fn whoever_is_asked_is_told_whom_the_plan_names() {
        let person = |id: &str, role: &str| Person {
            id: id.into(),
            role: role.into(),
            contact: None,
            backup: None,
            rollback: false,
        };
        assert_eq!(named(&[person("maria", "lead"), person("jun", "dba")]), "maria (lead), jun (dba)");
        assert_eq!(named(&[]), "");
    }

    #[test]
    fn enter_alone_says_the_only_person_that_the_plan_names() {
        assert_eq!(question(Some("maria")), "Who drives? (enter: maria; --as NAME says it at once) ");
        assert_eq!(question(None), "Who drives? (--as NAME says it at once) ");
        assert_eq!(answered("\n", Some("maria".into())).as_deref(), Some("maria"));
        assert_eq!(answered(" jun\n", Some("maria".into())).as_deref(), Some("jun"));
        assert_eq!(answered("\n", None), None);
    }

    #[test]
    fn a_name_is_taken_as_it_is_said() {
        assert_eq!(said(" maria ").unwrap(), "maria");
    }
}
