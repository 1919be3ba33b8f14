//! What has happened: an append-only file of chained, synced records that nobody can shorten, reorder
//! or edit without it being seen.
//!
//! Owns the format below, the files `journal`, `head`, `lock` and `reserve` of a run's folder, and the
//! verdict on whether they are whole. Refuses to know what a record means: a payload is the bytes of a
//! JSON object. Typed events are `journal::record`'s part. Start with [`Writer`] to append,
//! [`verify`] to judge, [`Follower`] to watch.
//!
//! # The format, version 1
//!
//! Enough to write a second verifier from; `tests/verify_journal.py` is one. All text is ASCII, all
//! numbers are decimal, below 2^64, without sign or leading zeros unless a width is given, `H` is SHA-256, `hex` is
//! lower-case, `‖` joins bytes. A *line* runs up to and including its first byte 0x0A.
//!
//! ## `journal`
//!
//! The first line is the header, then one line a record, numbered from 1:
//!
//! ```text
//! header = "cutover/" version " " run " " hex(H("cutover/" version " " run)) "\n"
//! record = len " " hex(hash) " " json "\n"
//! hash   = H("cutover/1" ‖ run ‖ prev ‖ len ‖ json)
//! ```
//!
//! `version` is 1. Any version keeps this header, so that an older program can name a newer one.
//! `run` is 1 to 64 of `A-Z a-z 0-9 . _ -`. `prev` is the 32 bytes of the record before, zeros for
//! record 1. `len` is the number of bytes of `json`, at most 65,536, hashed as it is written. `json` is
//! hashed as it is written, holds no 0x0A, and begins with `{"seq":N` followed by `,` or `}`, where `N`
//! is the record's number.
//!
//! ## `head`
//!
//! How far the journal is acknowledged: written after each sync of the journal, and once a second for
//! the beat. One line of 287 bytes, overwritten in place:
//!
//! ```text
//! body = "cutover-head/1 " seq " " offset " " hex(hash) " " beat " " boot " " wall " " boot_id " "
//! head = body hex(H(body)) "\n"
//! ```
//!
//! `seq` and `hash` are those of the last acknowledged record (0 and zeros when there is none),
//! `offset` is the number of bytes of the journal up to its end; `beat` counts writes of this file;
//! `boot` and `wall` are the milliseconds of the beat since boot (real, never a rehearsal's) and since
//! the epoch; these five numbers have 20 digits, zeros in front. `boot_id` is the kernel's, 36 bytes.
//! A reader that finds the hash wrong may have met a write: it reads again a few times.
//!
//! ## Verdicts
//!
//! A verdict is a class, a `seq` and an `offset`, found by the first rule that applies, in the order of
//! the file. Besides `head`, a verifier may be given the run it expects and heads that others kept
//! (`seq` and `hash`). `head` is read before the journal.
//!
//! 1. The journal cannot be read (absent, a symbolic link, no regular file): **unreadable**, 0, 0.
//! 2. No 0x0A in the file: **truncated** 0, 0 if `head` is good and the file is shorter than
//!    `head.offset`, else **corrupt** 0, 0.
//! 3. The first line is not a header, or its hash is wrong, or its version is 0: **corrupt** 0, 0. Its
//!    version is above 1: **newer** 0, 0. Its run is not the one expected: **foreign** 0, 0. `head` is
//!    good, has `seq` 0, and its `offset` is not the length of this line: **rewritten** 0, 0.
//! 4. For each further complete line, `n` the number expected and `offset` where the line begins:
//!    - not of a record's form, or `len` wrong or above 65,536: **corrupt** n, offset;
//!    - the hash wrong: let `m` be the number after `{"seq":`. When there is one, `m ≠ n`, and the hash
//!      is still wrong with `m`'s digits replaced by `n`'s (`len` left as it is): **missing** n, offset
//!      if `m > n`, **replayed** n, offset if `m < n`. Else **corrupt** n, offset;
//!    - the hash right, but the number not `n`: **corrupt** n, offset;
//!    - `n` is the `seq` of `head` or of a kept head and the hash is another, or for `head` the line
//!      does not end at its `offset`: **rewritten** n, offset.
//! 5. At the end, `n` the number that would come next, `offset` the end of the last complete line,
//!    *tail* what comes after it:
//!    - `head` is absent or its hash wrong: **headless** n, offset;
//!    - `head.seq ≥ n`: **truncated** n, offset if the tail is empty or the file is shorter than
//!      `head.offset`, else **corrupt** n, offset;
//!    - a kept head has `seq ≥ n`: **truncated** n, offset;
//!    - the tail is empty: **whole**, n − 1, offset;
//!    - the tail, zeros at its end left off, has at most 65,607 bytes: **torn** n, offset;
//!    - else: **corrupt** n, offset.
//!
//! *Torn* is mended by itself when the journal is opened for appending, *whole* needs nothing; anything
//! else is damage: the journal stays readable and nothing is ever appended to it again. A journal that
//! is being appended to may look torn, since its last line is on its way.

mod chain;
mod failure;
mod folder;
mod follow;
mod head;
mod lock;
pub mod record;
mod verify;
mod writer;

pub use chain::{Hash, MAX_PAYLOAD, PayloadError, Record, RunId, RunIdError};
pub use failure::{AppendError, Failure, HaltError, StartError};
pub use folder::{FolderError, RunFolder, Weakness};
pub use follow::{Contact, Follower, Look};
pub use head::{Beat, Head};
pub use lock::{Holder, Lock, LockError, LockState};
pub use verify::{Class, Expected, KeptHead, Verdict, replay, verify};
pub use writer::{Appended, Mended, Writer};
