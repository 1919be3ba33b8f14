//! What stands for the contents of a file.

use std::fmt;

use md5::Md5;
use sha2::{Digest as _, Sha256};
use xxhash_rust::xxh3::Xxh3;

use crate::databases::value::hex;

/// How contents are digested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// The fastest: for two sides that are both read here.
    Xxh3,
    /// What object stores and old manifests publish.
    Md5,
    /// What manifests publish.
    Sha256,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Algorithm::Xxh3 => "XXH3-128",
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
        })
    }
}

/// A digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// By [`Algorithm::Xxh3`].
    Xxh3([u8; 16]),
    /// By [`Algorithm::Md5`].
    Md5([u8; 16]),
    /// By [`Algorithm::Sha256`].
    Sha256([u8; 32]),
}

impl Digest {
    /// How it was made.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Digest::Xxh3(_) => Algorithm::Xxh3,
            Digest::Md5(_) => Algorithm::Md5,
            Digest::Sha256(_) => Algorithm::Sha256,
        }
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Digest::Xxh3(bytes) | Digest::Md5(bytes) => bytes,
            Digest::Sha256(bytes) => bytes,
        }
    }

    /// One from its bytes; `None` when they are not as many as it has.
    pub(super) fn new(algorithm: Algorithm, bytes: &[u8]) -> Option<Digest> {
        Some(match algorithm {
            Algorithm::Xxh3 => Digest::Xxh3(bytes.try_into().ok()?),
            Algorithm::Md5 => Digest::Md5(bytes.try_into().ok()?),
            Algorithm::Sha256 => Digest::Sha256(bytes.try_into().ok()?),
        })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(self.bytes()))
    }
}

/// A digest in the making.
pub(super) enum Hasher {
    Xxh3(Box<Xxh3>),
    Md5(Md5),
    Sha256(Sha256),
}

impl Hasher {
    pub(super) fn new(algorithm: Algorithm) -> Hasher {
        match algorithm {
            Algorithm::Xxh3 => Hasher::Xxh3(Box::new(Xxh3::new())),
            Algorithm::Md5 => Hasher::Md5(Md5::new()),
            Algorithm::Sha256 => Hasher::Sha256(Sha256::new()),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Xxh3(hash) => hash.update(bytes),
            Hasher::Md5(hash) => hash.update(bytes),
            Hasher::Sha256(hash) => hash.update(bytes),
        }
    }

    /// The digest so far; it begins anew.
    pub(super) fn finish(&mut self) -> Digest {
        match self {
            Hasher::Xxh3(hash) => {
                let digest = hash.digest128().to_be_bytes();
                hash.reset();
                Digest::Xxh3(digest)
            }
            Hasher::Md5(hash) => Digest::Md5(hash.finalize_reset().into()),
            Hasher::Sha256(hash) => Digest::Sha256(hash.finalize_reset().into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_field_and_begin_anew() {
        for (algorithm, of_abc) in [
            // xxhsum -H128, md5sum, sha256sum.
            (Algorithm::Xxh3, "06b05ab6733a618578af5f94892f3950"),
            (Algorithm::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (Algorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ] {
            let mut hasher = Hasher::new(algorithm);
            for _ in 0..2 {
                hasher.update(b"a");
                hasher.update(b"bc");
                let digest = hasher.finish();
                assert_eq!(digest.to_string(), of_abc);
                assert_eq!(Digest::new(algorithm, digest.bytes()), Some(digest));
            }
        }
        assert_eq!(Digest::new(Algorithm::Sha256, &[0; 16]), None);
    }
}
