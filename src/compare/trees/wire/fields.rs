//! The fields of a frame: numbers, bytes, and what is made of them.

use super::super::digest::{Algorithm, Digest};
use super::super::place::{Attributes, Kind, Moment};

/// A frame in the making.
#[derive(Default)]
pub(super) struct Out(pub(super) Vec<u8>);

impl Out {
    pub(super) fn kind(kind: u8) -> Out {
        Out(vec![kind])
    }

    pub(super) fn number(&mut self, number: u64) -> &mut Out {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Out {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn maybe(&mut self, number: Option<u64>) -> &mut Out {
        self.0.push(u8::from(number.is_some()));
        if let Some(number) = number {
            self.number(number);
        }
        self
    }

    pub(super) fn digest(&mut self, digest: &Digest) -> &mut Out {
        self.number(algorithm_number(digest.algorithm())).bytes(digest.bytes())
    }

    pub(super) fn texts(&mut self, texts: &[String]) -> &mut Out {
        self.number(texts.len() as u64);
        for text in texts {
            self.bytes(text.as_bytes());
        }
        self
    }

    #[expect(clippy::cast_sign_loss, reason = "read back the same way")]
    pub(super) fn attributes(&mut self, is: &Attributes) -> &mut Out {
        let (kind, number) = match is.kind {
            Kind::File => (0, 0),
            Kind::Folder => (1, 0),
            Kind::Link => (2, 0),
            Kind::Pipe => (3, 0),
            Kind::Socket => (4, 0),
            Kind::Block(number) => (5, number),
            Kind::Character(number) => (6, number),
        };
        self.number(kind).number(number).maybe(is.size);
        self.maybe(is.modified.map(|at| at.secs as u64)).maybe(is.modified.map(|at| at.nanos.into()));
        self.maybe(is.mode.map(u64::from));
        self.maybe(is.owner.map(|(account, group)| u64::from(account) << 32 | u64::from(group)));
        self.bytes(is.link.as_deref().unwrap_or_default()).number(is.stamp)
    }
}

/// A frame that is taken apart; everything fails where it is shorter than it says.
pub(super) struct In<'f>(pub(super) &'f [u8]);

/// The frame is not one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Garbled;

impl<'f> In<'f> {
    pub(super) fn byte(&mut self) -> Result<u8, Garbled> {
        let (first, rest) = self.0.split_first().ok_or(Garbled)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn number(&mut self) -> Result<u64, Garbled> {
        let (number, rest) = self.0.split_first_chunk().ok_or(Garbled)?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*number))
    }

    pub(super) fn bytes(&mut self) -> Result<&'f [u8], Garbled> {
        let length = usize::try_from(self.number()?).map_err(|_| Garbled)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Garbled)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self) -> Result<String, Garbled> {
        String::from_utf8(self.bytes()?.to_vec()).map_err(|_| Garbled)
    }

    pub(super) fn maybe(&mut self) -> Result<Option<u64>, Garbled> {
        Ok(match self.byte()? {
            0 => None,
            _ => Some(self.number()?),
        })
    }

    pub(super) fn many<T>(
        &mut self,
        each: impl Fn(&mut In<'f>) -> Result<T, Garbled>,
    ) -> Result<Vec<T>, Garbled> {
        (0..self.number()?).map(|_| each(self)).collect()
    }

    pub(super) fn algorithm(&mut self) -> Result<Algorithm, Garbled> {
        let number = self.number()?;
        ALGORITHMS.into_iter().find(|a| algorithm_number(*a) == number).ok_or(Garbled)
    }

    #[expect(clippy::cast_possible_wrap, reason = "written the same way")]
    pub(super) fn attributes(&mut self) -> Result<Attributes, Garbled> {
        let kind = match (self.number()?, self.number()?) {
            (0, _) => Kind::File,
            (1, _) => Kind::Folder,
            (2, _) => Kind::Link,
            (3, _) => Kind::Pipe,
            (4, _) => Kind::Socket,
            (5, number) => Kind::Block(number),
            (6, number) => Kind::Character(number),
            _ => return Err(Garbled),
        };
        let size = self.maybe()?;
        let (secs, nanos) = (self.maybe()?, self.maybe()?);
        let modified = match (secs, nanos) {
            (Some(secs), Some(nanos)) => {
                Some(Moment { secs: secs as i64, nanos: u32::try_from(nanos).map_err(|_| Garbled)? })
            }
            _ => None,
        };
        let mode = self.maybe()?.map(|mode| u32::try_from(mode).map_err(|_| Garbled)).transpose()?;
        let owner = self.maybe()?;
        let half = |number: u64| u32::try_from(number & u64::from(u32::MAX)).map_err(|_| Garbled);
        let owner = owner.map(|owner| Ok((half(owner >> 32)?, half(owner)?))).transpose()?;
        let link = self.bytes()?;
        let link = (kind == Kind::Link).then(|| link.into());
        Ok(Attributes { kind, size, modified, mode, owner, link, digest: None, stamp: self.number()? })
    }
}

const ALGORITHMS: [Algorithm; 3] = [Algorithm::Xxh3, Algorithm::Md5, Algorithm::Sha256];

pub(super) fn algorithm_number(algorithm: Algorithm) -> u64 {
    match algorithm {
        Algorithm::Xxh3 => 0,
        Algorithm::Md5 => 1,
        Algorithm::Sha256 => 2,
    }
}
