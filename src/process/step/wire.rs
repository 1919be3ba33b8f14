//! How the engine hands a command to its shim: as a memory file without a name.
//!
//! Fields end in a NUL byte, which neither an argument nor a variable can hold: the number of arguments,
//! the arguments, the number of variables, names and values, the folder, the timeout and the grace in
//! milliseconds. Both sides are the same program, so there is no version.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};

use crate::process::spec::{Env, Spec};

/// A memory file that holds the command, to be read from its beginning.
pub(super) fn write(spec: &Spec) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create("step", MemfdFlags::CLOEXEC)?);
    file.write_all(&encode(spec))?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file.into())
}

/// Takes the command from a descriptor.
pub(super) fn read(from: impl AsFd) -> io::Result<Spec> {
    let mut bytes = Vec::new();
    File::from(from.as_fd().try_clone_to_owned()?).read_to_end(&mut bytes)?;
    decode(&bytes).ok_or_else(|| io::Error::other("the command was not handed over whole"))
}

fn encode(spec: &Spec) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut field = |value: &OsStr| {
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0);
    };
    field(spec.argv.len().to_string().as_ref());
    spec.argv.iter().for_each(|argument| field(argument));
    field(spec.env.pairs().len().to_string().as_ref());
    for (name, value) in spec.env.pairs() {
        field(name);
        field(value);
    }
    field(spec.dir.as_os_str());
    for span in [spec.timeout, spec.grace] {
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        field(millis.to_string().as_ref());
    }
    bytes
}

fn decode(bytes: &[u8]) -> Option<Spec> {
    let mut fields = bytes.strip_suffix(&[0])?.split(|byte| *byte == 0).map(<[u8]>::to_vec);
    let mut text = || fields.next().map(OsString::from_vec);
    let argv = (0..number(&text()?)?).map(|_| text()).collect::<Option<Vec<_>>>()?;
    let mut env = Env::new();
    for _ in 0..number(&text()?)? {
        env.set(text()?, text()?).ok()?;
    }
    let dir = text()?;
    let timeout = Duration::from_millis(number(&text()?)?);
    let grace = Duration::from_millis(number(&text()?)?);
    if text().is_some() {
        return None;
    }
    Some(Spec::new(argv, dir, timeout).ok()?.env(env).grace(grace))
}

fn number(text: &OsStr) -> Option<u64> {
    text.to_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text() -> impl Strategy<Value = OsString> {
        prop::collection::vec(1..=255u8, 0..20).prop_map(OsString::from_vec)
    }

    proptest! {
        #[test]
        fn a_command_arrives_as_it_was(
            argv in prop::collection::vec(text(), 1..6),
            env in prop::collection::vec(("[A-Z_]{1,8}", text()), 0..6),
            dir in text(),
            timeout in 0..u64::MAX,
        ) {
            let mut vars = Env::new();
            for (name, value) in env {
                vars.set(name, value).unwrap();
            }
            let spec = Spec::new(argv, dir, Duration::from_millis(timeout)).unwrap().env(vars);
            let read = read(write(&spec).unwrap()).unwrap();
            prop_assert_eq!(&read.argv, &spec.argv);
            prop_assert!(read.env.pairs().eq(spec.env.pairs()));
            prop_assert_eq!((read.dir, read.timeout, read.grace), (spec.dir, spec.timeout, spec.grace));
        }
    }

    #[test]
    fn a_command_that_was_cut_is_no_command() {
        let spec = Spec::new(["a", "b"], "/tmp", Duration::from_secs(1)).unwrap();
        let bytes = encode(&spec);
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut]).is_none_or(|read| read.grace != spec.grace), "cut at {cut}");
        }
    }
}
