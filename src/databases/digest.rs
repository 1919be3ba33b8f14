//! Digests of rows, and of sets of rows in whatever order they come.
//!
//! A set's digest is count, sum and exclusive-or of its rows' hashes: the sum keeps duplicates (which
//! cancel out of an exclusive-or), and all three must agree.

use sha2::{Digest as _, Sha256};

use super::value::Ref;

/// What makes hashes of two snapshots comparable: the same name means the same hash of the same form.
pub const SHA256_TYPED: &str = "SHA-256 (128 bits) over typed values";

/// The hash of a row, or of a row's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowHash(pub u128);

/// Hashes rows one after another without allocating for each.
#[derive(Default)]
pub struct Hasher {
    buffer: Vec<u8>,
}

impl Hasher {
    /// The hash of a row's values, in this order.
    ///
    /// # Errors
    /// The first error among the values, as their source gave it.
    pub fn row<'a, E>(&mut self, values: impl Iterator<Item = Result<Ref<'a>, E>>) -> Result<RowHash, E> {
        self.buffer.clear();
        for value in values {
            value?.encode(&mut self.buffer);
        }
        Ok(RowHash(first_128_bits(&Sha256::digest(&self.buffer))))
    }
}

fn first_128_bits(hash: &[u8]) -> u128 {
    hash.iter().take(16).fold(0, |bits, byte| (bits << 8) | u128::from(*byte))
}

/// The digest of a set of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetDigest {
    /// How many rows.
    pub rows: u64,
    sum: u128,
    xor: u128,
}

impl SetDigest {
    /// Of rows that were added up elsewhere: how many, the sum of their hashes modulo 2^128, their exclusive-or.
    pub fn of(rows: u64, sum: u128, xor: u128) -> SetDigest {
        SetDigest { rows, sum, xor }
    }

    /// Takes another set's rows in.
    pub fn merge(&mut self, other: SetDigest) {
        self.rows += other.rows;
        self.sum = self.sum.wrapping_add(other.sum);
        self.xor ^= other.xor;
    }

    /// Takes one more row in.
    pub fn add(&mut self, row: RowHash) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(row.0);
        self.xor ^= row.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(rows: &[u128]) -> SetDigest {
        let mut set = SetDigest::default();
        for row in rows {
            set.add(RowHash(*row));
        }
        set
    }

    #[test]
    fn order_does_not_matter_and_duplicates_do() {
        assert_eq!(digest(&[1, 2, 3]), digest(&[3, 1, 2]));
        assert_ne!(digest(&[7, 7, 1]), digest(&[9, 9, 1]), "equal counts, equal exclusive-or");
        assert_ne!(digest(&[1, 4]), digest(&[2, 3]), "equal counts, equal sums");
        assert_ne!(digest(&[0]), digest(&[]));
    }

    #[test]
    fn a_hash_is_the_head_of_sha_256_over_the_encoded_values() {
        let mut hasher = Hasher::default();
        let hash = hasher.row([Ok::<_, ()>(Ref::Null)].into_iter()).unwrap();
        // printf '\0' | sha256sum
        assert_eq!(format!("{:032x}", hash.0), "6e340b9cffb37a989ca544e6bb780a2c");
        let empty = hasher.row(std::iter::empty::<Result<Ref<'_>, ()>>()).unwrap();
        assert_eq!(format!("{:032x}", empty.0), "e3b0c44298fc1c149afbf4c8996fb924", "nothing is left over");
    }
}
