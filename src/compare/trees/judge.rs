//! What two entries of one path differ in before they are read, and whether they have to be.

use super::Request;
use super::outcome::{Aspect, Aspects};
use super::place::{Attributes, Can, Kind};

/// Judges entries of two places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judge {
    pub(super) times: bool,
    pub(super) modes: bool,
    pub(super) owners: bool,
    pub(super) contents: bool,
}

/// What is known of two entries before they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// All there is to know.
    Known(Aspects),
    /// Two files of size 0, which differ in these.
    Empty(Aspects),
    /// Two files whose contents decide; they differ in these already.
    Open(Aspects),
}

impl Judge {
    pub(super) fn new(request: &Request, source: Can, target: Can) -> Judge {
        let attributes = source.attributes && target.attributes;
        Judge {
            times: attributes && request.times,
            modes: attributes && request.modes,
            owners: attributes && request.owners,
            contents: !request.quick,
        }
    }

    pub(super) fn pair(self, source: &Attributes, target: &Attributes) -> Judged {
        if source.kind != target.kind {
            return Judged::Known(Aspect::Kind.into());
        }
        let mut aspects = Aspects::default();
        if source.link != target.link {
            aspects = aspects.with(Aspect::Link);
        }
        // A link's own mode means nothing.
        if self.modes && source.kind != Kind::Link && source.mode != target.mode {
            aspects = aspects.with(Aspect::Mode);
        }
        if self.owners && source.owner != target.owner {
            aspects = aspects.with(Aspect::Owner);
        }
        if source.kind != Kind::File {
            return Judged::Known(aspects);
        }
        if let (true, Some(one), Some(other)) = (self.times, source.modified, target.modified)
            && !one.is(other)
        {
            aspects = aspects.with(Aspect::Time);
        }
        match (source.size, target.size) {
            (Some(one), Some(other)) if one != other => Judged::Known(aspects.with(Aspect::Size)),
            (Some(0), Some(0)) => Judged::Empty(aspects),
            _ => Judged::Open(aspects),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::place::Moment;
    use super::super::place::tests::{file, folder};
    use super::*;

    const ALL: Judge = Judge { times: true, modes: true, owners: true, contents: true };

    fn full(size: u64) -> Attributes {
        Attributes {
            modified: Some(Moment { secs: 1, nanos: 5 }),
            mode: Some(0o644),
            owner: Some((0, 0)),
            ..file(size)
        }
    }

    fn link(to: &str) -> Attributes {
        Attributes {
            kind: Kind::Link,
            size: None,
            link: Some(to.as_bytes().into()),
            mode: Some(0o777),
            ..full(0)
        }
    }

    #[test]
    fn every_aspect_is_seen_and_none_that_is_not_asked_for() {
        let of = |aspects: &[Aspect]| aspects.iter().fold(Aspects::default(), |all, one| all.with(*one));
        let late = Attributes { modified: Some(Moment { secs: 2, nanos: 5 }), ..full(3) };
        let open = Attributes { mode: Some(0o666), owner: Some((1, 0)), ..full(3) };
        let other_mode = Attributes { mode: Some(0o755), ..link("a") };
        let later_folder = Attributes { modified: late.modified, ..folder() };
        for (one, other, judged) in [
            (full(3), full(3), Judged::Open(of(&[]))),
            (full(3), full(4), Judged::Known(of(&[Aspect::Size]))),
            (full(0), full(0), Judged::Empty(of(&[]))),
            (full(3), late.clone(), Judged::Open(of(&[Aspect::Time]))),
            (full(4), late.clone(), Judged::Known(of(&[Aspect::Size, Aspect::Time]))),
            (full(3), open, Judged::Open(of(&[Aspect::Mode, Aspect::Owner]))),
            (full(3), folder(), Judged::Known(of(&[Aspect::Kind]))),
            (folder(), later_folder, Judged::Known(of(&[]))),
            (link("a"), link("b"), Judged::Known(of(&[Aspect::Link]))),
            (link("a"), other_mode, Judged::Known(of(&[]))),
            (full(3), Attributes { size: None, ..full(0) }, Judged::Open(of(&[]))),
        ] {
            assert_eq!(ALL.pair(&one, &other), judged, "{one:?} {other:?}");
        }
        let none = Judge { times: false, modes: false, owners: false, contents: true };
        assert_eq!(none.pair(&full(3), &late), Judged::Open(of(&[])));
        let devices = [Kind::Character(1), Kind::Character(2)].map(|kind| Attributes { kind, ..folder() });
        assert_eq!(ALL.pair(&devices[0], &devices[1]), Judged::Known(of(&[Aspect::Kind])));
    }
}
