//! The side file of what was measured: newest wins, nothing is synced, nothing is decided by it.
//!
//! One JSON object a line. The first says which engine writes and how its clock runs, so that whoever reads can
//! tell ages; then one line a reading: whole when it changed or after ten seconds, else only *seen again*. At
//! 4 MiB the file becomes `samples.1` and a new one begins with the newest reading of every probe, so
//! that who comes late finds everything in it. Owns both sides, [`Writer`] and [`Reader`].

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{Boot, Now, Timestamp};
use crate::engine::course::{Course, Courses};
use crate::engine::reading::{Measure, Origin, Reading, Unmeasured};
use crate::plan::ProbeId;

const NAME: &str = "samples";
const BEFORE: &str = "samples.1";
/// A file of this many bytes is put aside.
const ROTATE_AT: u64 = 4 * 1024 * 1024;
/// A reading that did not change is written whole again after so much real time.
const WHOLE_EVERY: Duration = Duration::from_secs(10);

/// Which engine writes, and how its clock runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Engine {
    /// The record with which it began: another one has measured nothing of what stands before.
    pub since: u64,
    /// Seconds of the run in a real one.
    pub speed: f64,
    /// A moment by all of its clocks.
    pub origin: Now,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line<'a> {
    Engine(Engine),
    #[serde(borrow)]
    Again(Again<'a>),
    Reading(Box<Reading>),
    Course(Box<Course>),
}

#[derive(Serialize, Deserialize)]
struct Again<'a> {
    #[serde(borrow)]
    probe: std::borrow::Cow<'a, str>,
    at: Timestamp,
    boot: Boot,
    took_ms: u64,
}

/// Writes the file. A failure is for the log: a watcher then sees readings grow old, which is true.
pub struct Writer {
    run: PathBuf,
    engine: Engine,
    file: Option<File>,
    size: u64,
    last: BTreeMap<ProbeId, (Reading, Boot)>,
    courses: Courses,
    buffer: Vec<u8>,
}

impl Writer {
    /// Begins a new file; what another engine measured is put aside.
    pub fn begin(run: &Path, engine: Engine) -> io::Result<Writer> {
        let mut writer = Writer {
            run: run.to_owned(),
            engine,
            file: None,
            size: 0,
            last: BTreeMap::new(),
            courses: Courses::default(),
            buffer: Vec::new(),
        };
        writer.rotate()?;
        Ok(writer)
    }

    /// Takes a reading; it is written with the next [`Writer::flush`].
    pub fn put(&mut self, reading: &Reading, real: Boot) {
        let known = self.last.get_mut(&reading.probe);
        let line = match known {
            Some((last, whole)) if same(last, reading) && real.since(*whole) < WHOLE_EVERY => {
                *last = reading.clone();
                Line::Again(Again {
                    probe: reading.probe.as_str().into(),
                    at: reading.at,
                    boot: reading.boot,
                    took_ms: reading.took_ms,
                })
            }
            _ => {
                self.last.insert(reading.probe.clone(), (reading.clone(), real));
                Line::Reading(Box::new(reading.clone()))
            }
        };
        push(&mut self.buffer, &line);
    }

    /// Takes how a comparison stands; it is written with the next [`Writer::flush`].
    pub fn follow(&mut self, told: Course) {
        push(&mut self.buffer, &Line::Course(Box::new(told.clone())));
        self.courses.follow(told);
    }

    /// Writes what was put since the last time.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let bytes = std::mem::take(&mut self.buffer);
        let file = self.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        self.size += bytes.len() as u64;
        file.write_all(&bytes)?;
        if self.size >= ROTATE_AT { self.rotate() } else { Ok(()) }
    }

    /// Puts the file aside and begins the next with the newest of everything. It gets its name when that is in
    /// it, so a reader never finds it half begun.
    fn rotate(&mut self) -> io::Result<()> {
        let (path, new) = (self.run.join(NAME), self.run.join("samples.new"));
        let mut bytes = Vec::new();
        push(&mut bytes, &Line::Engine(self.engine));
        for (reading, _) in self.last.values() {
            push(&mut bytes, &Line::Reading(Box::new(reading.clone())));
        }
        for course in self.courses.all() {
            push(&mut bytes, &Line::Course(Box::new(course.clone())));
        }
        let mut file = File::options().create(true).write(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(&bytes)?;
        match std::fs::rename(&path, self.run.join(BEFORE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        std::fs::rename(&new, &path)?;
        self.file = Some(file);
        self.size = bytes.len() as u64;
        Ok(())
    }
}

fn same(a: &Reading, b: &Reading) -> bool {
    a.source == b.source && a.result == b.result
}

fn push(to: &mut Vec<u8>, line: &Line<'_>) {
    // A reading's numbers come from measurements that were finite; what JSON cannot say is left out of the file.
    let before = to.len();
    match serde_json::to_writer(&mut *to, line) {
        Ok(()) => to.push(b'\n'),
        Err(error) => {
            to.truncate(before);
            tracing::warn!(%error, "a sample has no JSON form");
        }
    }
}

/// What a reader meets.
#[derive(Debug, PartialEq)]
pub enum Sample {
    /// Another engine measures from here on: nothing that was measured before counts.
    Engine(Engine),
    /// One look of one probe.
    Reading(Reading),
    /// How a comparison stands.
    Course(Course),
}

/// Reads the file as it grows, over rotations.
pub struct Reader {
    path: PathBuf,
    file: Option<(BufReader<File>, u64)>,
    offset: u64,
    engine: Option<Engine>,
    last: BTreeMap<ProbeId, (Origin, Result<Measure, Unmeasured>)>,
    line: Vec<u8>,
}

impl Reader {
    /// Begins with what stands in the file now.
    pub fn new(run: &Path) -> Reader {
        Reader {
            path: run.join(NAME),
            file: None,
            offset: 0,
            engine: None,
            last: BTreeMap::new(),
            line: Vec::new(),
        }
    }

    /// Hands out what was written since the last time. A line that is on its way is left for the next.
    pub fn poll(&mut self, mut each: impl FnMut(Sample)) -> io::Result<()> {
        self.read_on(&mut each)?;
        let now = match std::fs::metadata(&self.path) {
            Ok(there) => there.ino(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if self.file.as_ref().is_none_or(|(_, inode)| *inode != now) {
            // What was written to the old one before it was put aside has just been read: renaming comes last.
            self.read_on(&mut each)?;
            let file = File::open(&self.path)?;
            let inode = file.metadata()?.ino();
            self.file = Some((BufReader::new(file), inode));
            self.offset = 0;
            self.read_on(&mut each)?;
        }
        Ok(())
    }

    fn read_on(&mut self, each: &mut impl FnMut(Sample)) -> io::Result<()> {
        let Some((file, _)) = &mut self.file else { return Ok(()) };
        file.seek(SeekFrom::Start(self.offset))?;
        loop {
            self.line.clear();
            let read = file.read_until(b'\n', &mut self.line)?;
            if !self.line.ends_with(b"\n") {
                return Ok(());
            }
            self.offset += read as u64;
            match serde_json::from_slice(&self.line) {
                Ok(Line::Engine(engine)) => {
                    if self.engine != Some(engine) {
                        self.engine = Some(engine);
                        self.last.clear();
                        each(Sample::Engine(engine));
                    }
                }
                Ok(Line::Reading(reading)) => {
                    self.last.insert(reading.probe.clone(), (reading.source, reading.result.clone()));
                    each(Sample::Reading(*reading));
                }
                Ok(Line::Again(again)) => {
                    let probe = ProbeId::from(&*again.probe);
                    if let Some((source, result)) = self.last.get(&probe) {
                        each(Sample::Reading(Reading {
                            probe,
                            at: again.at,
                            boot: again.boot,
                            took_ms: again.took_ms,
                            source: *source,
                            result: result.clone(),
                        }));
                    }
                }
                Ok(Line::Course(course)) => each(Sample::Course(*course)),
                // Of a later version, or damaged: what it says is unknown, and unknown is what is shown.
                Err(error) => tracing::warn!(%error, "a sample that cannot be read"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::engine::course::TablesSeen;
    use crate::engine::reading::Facts;
    use std::os::unix::fs::PermissionsExt;

    fn engine(since: u64) -> Engine {
        Engine { since, speed: 1.0, origin: Clock::manual(Timestamp(0)).now() }
    }

    fn reading(probe: &str, boot: u64, value: f64) -> Reading {
        Reading {
            probe: probe.into(),
            at: Timestamp(i64::try_from(boot).unwrap()),
            boot: Boot(boot),
            took_ms: 2,
            source: Origin::Measured,
            result: Ok(Measure { pass: true, text: "x".repeat(500), facts: Facts::Number { value } }),
        }
    }

    fn poll(reader: &mut Reader) -> Vec<Sample> {
        let mut all = Vec::new();
        reader.poll(|sample| all.push(sample)).unwrap();
        all
    }

    #[test]
    fn a_reader_gets_every_look_and_the_file_only_what_changed() {
        let run = tempfile::tempdir().unwrap();
        let mut reader = Reader::new(run.path());
        assert_eq!(poll(&mut reader), []);
        let mut writer = Writer::begin(run.path(), engine(1)).unwrap();
        let mut sent = vec![Sample::Engine(engine(1))];
        for second in 0..20u64 {
            let look = reading("lag", second * 1000, 7.0);
            writer.put(&look, Boot(second * 1000));
            sent.push(Sample::Reading(look));
        }
        writer.flush().unwrap();
        let file = run.path().join(NAME);
        let whole = std::fs::read_to_string(&file).unwrap().matches("xxx").count();
        assert!(
            whole > 0 && std::fs::metadata(&file).unwrap().len() < 4 * 1024,
            "two whole, the others short"
        );
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(poll(&mut reader), sent);
        assert_eq!(poll(&mut reader), []);
    }

    #[test]
    fn a_rotation_loses_nothing_for_who_reads_and_leaves_the_newest_for_who_comes() {
        let run = tempfile::tempdir().unwrap();
        let mut writer = Writer::begin(run.path(), engine(1)).unwrap();
        let mut early = Reader::new(run.path());
        writer.put(&reading("once", 1, 1.0), Boot(1));
        let tables = TablesSeen { at: Timestamp(7), of: 3, same: 3, worst: Vec::new() };
        let course = |told, tables| Course { probe: "rows".into(), told: Boot(told), now: None, tables };
        writer.follow(course(1, Some(tables.clone())));
        writer.follow(course(2, None));
        let mut got = Vec::new();
        let looks = 20_000u32;
        for n in 0..looks {
            writer.put(&reading("lag", u64::from(n) + 2, f64::from(n)), Boot(0));
            if n % 1000 == 0 {
                writer.flush().unwrap();
                early.poll(|s| got.push(s)).unwrap();
            }
        }
        writer.flush().unwrap();
        early.poll(|s| got.push(s)).unwrap();
        let values = |samples: &[Sample]| -> std::collections::BTreeSet<u64> {
            samples
                .iter()
                .filter_map(|s| match s {
                    Sample::Reading(r) if r.probe.as_str() == "lag" => Some(r.boot.0),
                    Sample::Reading(_) | Sample::Engine(_) | Sample::Course(_) => None,
                })
                .collect()
        };
        assert_eq!(values(&got).len(), looks as usize);
        assert_eq!(got.iter().filter(|s| matches!(s, Sample::Engine(_))).count(), 1);

        let size = run.path().join(NAME).metadata().unwrap().len();
        assert!(size < ROTATE_AT, "{size}");
        let late = poll(&mut Reader::new(run.path()));
        assert!(late.contains(&Sample::Reading(reading("once", 1, 1.0))));
        assert!(
            late.contains(&Sample::Course(course(2, Some(tables)))),
            "what is known of tables stays told"
        );
        assert!(values(&late).contains(&u64::from(looks + 1)));
    }

    #[test]
    fn another_engine_is_announced() {
        let run = tempfile::tempdir().unwrap();
        let mut reader = Reader::new(run.path());
        let mut first = Writer::begin(run.path(), engine(1)).unwrap();
        first.put(&reading("lag", 1, 1.0), Boot(1));
        first.flush().unwrap();
        assert_eq!(poll(&mut reader).len(), 2);
        let _second = Writer::begin(run.path(), engine(9)).unwrap();
        assert_eq!(poll(&mut reader), [Sample::Engine(engine(9))]);
    }

    #[test]
    fn a_line_on_its_way_is_read_when_it_is_whole_and_junk_is_passed_over() {
        let run = tempfile::tempdir().unwrap();
        let path = run.path().join(NAME);
        let mut line = Vec::new();
        push(&mut line, &Line::Reading(Box::new(reading("lag", 1, 1.0))));
        let (a, b) = line.split_at(40);
        std::fs::write(&path, [b"junk\n", a].concat()).unwrap();
        let mut reader = Reader::new(run.path());
        assert_eq!(poll(&mut reader), []);
        File::options().append(true).open(&path).unwrap().write_all(b).unwrap();
        assert_eq!(poll(&mut reader), [Sample::Reading(reading("lag", 1, 1.0))]);
    }
}
