//! From files to a [`Loaded`] plan: read, lay overlays over, replace variables, check, put together, lint.
//!
//! Owns the order of these and what is given up when: a file that cannot be read ends it, syntax errors end it
//! after the shape of what is there, anything else is found all at once. What the lint finds in a plan with errors
//! is said as far as it does not follow from them (`doubt`).

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::diagnostic::{Diagnostic, Diagnostics, Findings};
use super::doubt::{self, Doubt};
use super::grammar;
use super::model::Plan;
use super::secret::{Missing, Part};
use super::shape::{self, Rigour};
use super::source::{self, FileId, Place, Sources};
use super::tree::{self, Table};
use super::variables::{self, Used};
use super::{build, lint, overlay, pins, written};

/// What is changed on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--set name=value`, in order; the last of a name holds.
    pub set: Vec<(String, String)>,
    /// `--overlay FILE`, in order.
    pub overlays: Vec<PathBuf>,
}

/// The names that the environment sets. Names only: a value is read at the moment of use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    names: HashSet<String>,
}

/// A plan that may be run.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The plan.
    pub plan: Plan,
    /// Warnings and notes, with the texts they point into.
    pub notes: Diagnostics,
    /// References that lead nowhere on this machine: `run` refuses, `check` has noted them.
    pub missing: Vec<Missing>,
    /// The folder that relative paths of the plan start from, absolute.
    pub root: PathBuf,
    /// The resolved plan as TOML: overlays and `--set` applied, secrets left as references. Its hash is
    /// `plan.pins.resolved`; [`load_copy`] reads it back.
    pub resolved: String,
}

impl Environment {
    /// That of this process.
    pub fn of_process() -> Environment {
        Environment::with(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))
    }

    /// One with these names.
    pub fn with<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Environment {
        Environment { names: names.into_iter().map(Into::into).collect() }
    }

    /// Whether a name is set.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }
}

/// Reads a plan. Either it may be run, or everything that is wrong with it is told at once.
pub fn load(path: &Path, overrides: &Overrides, environment: &Environment) -> Result<Loaded, Diagnostics> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    read(path, folder, overrides, environment)
}

/// Reads the resolved copy that a run keeps ([`Loaded::resolved`]); its relative paths start from `root`.
pub fn load_copy(copy: &Path, root: &Path, environment: &Environment) -> Result<Loaded, Diagnostics> {
    read(copy, root, &Overrides::default(), environment)
}

fn read(
    path: &Path,
    folder: &Path,
    overrides: &Overrides,
    environment: &Environment,
) -> Result<Loaded, Diagnostics> {
    let mut sources = Sources::default();
    let mut findings = Findings::default();
    let Some(base) = open(path, &mut sources, &mut findings) else {
        return Err(Diagnostics { list: findings.finish(), sources });
    };
    let over: Vec<FileId> =
        overrides.overlays.iter().filter_map(|path| open(path, &mut sources, &mut findings)).collect();
    let sets = overrides
        .set
        .iter()
        .map(|(name, value)| {
            let text = format!("{name}={value}");
            let end = name.len();
            (name.clone(), value.clone(), Place::new(sources.add("--set", None, text), 0..end))
        })
        .collect::<Vec<_>>();

    let mut root = tree::parse(base, &sources, &mut findings);
    let start = Place::new(base, 0..0);
    let over: Vec<Table> = over.into_iter().map(|file| tree::parse(file, &sources, &mut findings)).collect();
    if findings.has_errors() {
        present(&mut root, start, &sources, &mut findings);
        return Err(Diagnostics { list: findings.finish(), sources });
    }
    if root.entries.is_empty() {
        findings.push(
            Diagnostic::error("empty", start, format!("{} says nothing", path.display()))
                .label("an empty plan")
                .help(format!("{} writes a plan to start from", source::NEW)),
        );
        return Err(Diagnostics { list: findings.finish(), sources });
    }
    for table in over {
        overlay::lay(&mut root, table, &mut findings);
    }
    let used = variables::resolve(&mut root, &sets, &sources, &mut findings);
    shape::check(&root, start, &grammar::PLAN, Rigour::Whole, &mut findings);
    let built = build::build(&root, start, &mut findings);
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let missing = missing(&used, &folder, environment, &mut findings);
    let doubt = Doubt::of(&root, &findings);
    let mut linted = Findings::default();
    let unchecked = lint::check(&built.plan, &built.atlas, environment, &folder, &doubt, &mut linted);
    linted.retain(|found| doubt.allows(found));
    linted.extend(unchecked);
    findings.append(linted);
    if findings.has_errors() {
        return Err(Diagnostics { list: findings.finish(), sources });
    }
    let mut plan = built.plan;
    let resolved = written::toml(&root);
    let base_text = sources.get(base).map_or("", |f| f.text.as_str());
    plan.pins = pins::pins(&plan, &built.atlas, base_text, &resolved, &folder);
    let notes = Diagnostics { list: findings.finish(), sources };
    Ok(Loaded { plan, notes, missing, root: folder, resolved })
}

/// Reads a file among the sources, or reports why not.
fn open(path: &Path, sources: &mut Sources, findings: &mut Findings) -> Option<FileId> {
    let name = path.display().to_string();
    match source::read(path) {
        Ok(text) => Some(sources.add(name, Some(path.to_owned()), text)),
        Err(why) => {
            let file = sources.add(name, Some(path.to_owned()), String::new());
            findings.push(
                Diagnostic::error(why.code, Place::new(file, 0..0), why.message)
                    .label("this file")
                    .help(why.help),
            );
            None
        }
    }
}

/// What else is wrong with a text that has syntax errors: only with what is there, and not near the errors.
fn present(root: &mut Table, start: Place, sources: &Sources, findings: &mut Findings) {
    let mut quiet = Findings::default();
    variables::resolve(root, &[], sources, &mut quiet);
    let mut more = Findings::default();
    shape::check(root, start, &grammar::PLAN, Rigour::Present, &mut more);
    let broken: HashSet<(FileId, usize)> = findings.lines(sources);
    more.retain(|d| !broken.contains(&(d.place.file, sources.line(d.place))));
    more.extend(findings.errors().map(|d| d.place).min().map(doubt::unchecked));
    findings.append(more);
}

/// Notes references that lead nowhere here.
fn missing(used: &[Used], folder: &Path, environment: &Environment, findings: &mut Findings) -> Vec<Missing> {
    let mut out = Vec::new();
    for Used { part, at } in used {
        let missing = match part {
            Part::Env(name) if !environment.has(name) => Missing::Env(name.clone()),
            Part::File(path) => match readable(&folder.join(path)) {
                Ok(()) => continue,
                Err(why) => Missing::File(path.clone(), why.to_string()),
            },
            Part::Env(_) | Part::Text(_) | Part::Kept(_) => continue,
        };
        let help = match &missing {
            Missing::Env(name) => format!("export {name} before the run: it refuses to start without"),
            Missing::Kept(name) => format!("keep {name} in an earlier request"),
            Missing::File(path, _) => {
                format!("put {} there before the run: it refuses to start without", path.display())
            }
        };
        findings
            .push(Diagnostic::note("unset", *at, missing.to_string()).label("leads nowhere here").help(help));
        out.push(missing);
    }
    out
}

/// Whether a file can be read again and again. A pipe cannot, and opening one waits for its writer.
fn readable(path: &Path) -> std::io::Result<()> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    std::fs::File::open(path).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> Loaded {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/plan/new/near-zero-downtime.toml");
        load(&path, &Overrides::default(), &Environment::default())
            .unwrap_or_else(|d| panic!("{}", d.render(crate::plan::Style::default())))
    }

    /// The smallest plan, with one text in place of another, beside other files.
    fn beside(files: &[(&str, &str)], old: &str, new: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let more = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans/right/more.toml");
        let text = std::fs::read_to_string(more).unwrap();
        assert!(text.contains(old));
        let path = dir.path().join("plan.toml");
        std::fs::write(&path, text.replace(old, new)).unwrap();
        for (name, text) in files {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        (dir, path)
    }

    #[test]
    fn what_is_unset_here_is_noted_by_name_and_never_read() {
        let url = "${env:HOOK}/${env:SET}/${file:token}/${file:none}";
        let (_dir, path) = beside(&[("token", "s3cret")], "https://hook.example.net/x", url);
        let loaded = load(&path, &Overrides::default(), &Environment::with(["SET"])).unwrap();
        let names: Vec<String> = loaded.missing.iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), 2, "{names:?}");
        assert!(names[0].contains("HOOK") && names[1].contains("none"), "{names:?}");
        assert_eq!(loaded.notes.list.iter().filter(|d| d.code == "unset").count(), 2);
        assert!(loaded.resolved.contains("${file:token}") && !loaded.resolved.contains("s3cret"));
    }

    #[test]
    fn scripts_are_pinned_by_what_is_in_them() {
        let step = "[[phase.step]]\nid = 'do'\ntitle = 'Do'\ncommand = ['./do', 'data.sql', 'absent', '--x']\n\n[alarms]";
        let (dir, path) = beside(&[("do", "#!/bin/sh\n"), ("data.sql", "select 1")], "[alarms]", step);
        let pins = || load(&path, &Overrides::default(), &Environment::default()).unwrap().plan.pins;
        let before = pins();
        let names: Vec<&str> = before.scripts.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["./do", "data.sql"]);
        std::fs::write(dir.path().join("do"), "#!/bin/sh\nrm\n").unwrap();
        let after = pins();
        assert_ne!(after.scripts[0], before.scripts[0]);
        assert_eq!(after.scripts[1], before.scripts[1]);
        assert_eq!((after.resolved, after.steps), (before.resolved, before.steps));
    }

    #[test]
    fn a_step_keeps_its_hash_when_its_keys_are_moved() {
        let pins = |new: &str| {
            let (_dir, path) = beside(&[], "title  = \"Ask\"\nmanual = \"Ready?\"", new);
            load(&path, &Overrides::default(), &Environment::default()).unwrap().plan.pins
        };
        let one = pins("title = \"Ask\"\nmanual = \"Ready?\"");
        let two = pins("manual = \"Ready?\" # now?\ntitle = \"Ask\"");
        let three = pins("manual = \"Ready now?\"\ntitle = \"Ask\"");
        assert_eq!(one.steps, two.steps);
        assert_ne!(one.base, two.base);
        assert_ne!(one.steps, three.steps);
    }

    #[test]
    fn the_resolved_copy_reads_back_as_the_same_plan() {
        let first = template();
        let dir = tempfile::tempdir().unwrap();
        let copy = dir.path().join("resolved.toml");
        std::fs::write(&copy, &first.resolved).unwrap();
        let second = load_copy(&copy, &first.root, &Environment::default()).unwrap();
        assert_eq!(second.resolved, first.resolved);
        assert_eq!(second.plan.pins.base, first.plan.pins.resolved);
        assert_eq!(second.plan.pins.steps, first.plan.pins.steps);
        let same = |mut plan: Plan| {
            plan.pins = crate::plan::model::Pins::default();
            let index =
                format!("{:?}", plan.steps) + &format!("{:?}", plan.probes) + &format!("{:?}", plan.rollback);
            index + &format!("{:?}{:?}{:?}", plan.people, plan.endpoints, plan.controls)
        };
        assert_eq!(same(second.plan), same(first.plan));
    }
}
