//! What can go wrong with two servers: how each fault is made, what must be said of it, and how it is mended.

use std::pin::Pin;

/// What somebody does to the servers.
pub(crate) type Deed<W> = for<'a> fn(&'a mut W) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

pub(crate) struct Fault<W> {
    pub(crate) name: &'static str,
    pub(crate) make: Deed<W>,
    /// What must stand in the second look's text.
    pub(crate) words: &'static [&'static str],
    pub(crate) mend: Deed<W>,
}

/// A [`Deed`] of an expression.
macro_rules! deed {
    ($world:ident, $body:expr) => {
        |$world| {
            Box::pin(async move {
                $body;
            })
        }
    };
}
pub(crate) use deed;
