//! What moves the bytes of a connection.
//!
//! Nothing of a connection runs on by itself: whoever asks a question polls its line meanwhile.

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

/// What moves the bytes; it ends with the connection.
pub(super) struct Line(Pin<Box<dyn Future<Output = ()> + Send>>);

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}

impl Line {
    /// Of what a library gives for it. What broke it is in the answer to the question that was asked then.
    pub(super) fn new(moves: impl Future + Send + 'static) -> Line {
        Line(Box::pin(async move { drop(moves.await) }))
    }

    /// Whether the other end has ended the connection, as far as one sees without asking anything.
    pub(super) async fn has_ended(&mut self) -> bool {
        poll_fn(|cx| Poll::Ready(self.0.as_mut().poll(cx).is_ready())).await
    }
}

/// Does work on a connection and moves its bytes meanwhile. A line that ends under it is gone afterwards; asked again, the
/// connection says that it is closed.
pub(super) async fn over<T>(line: &mut Option<Line>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|cx| {
        if let Poll::Ready(answer) = work.as_mut().poll(cx) {
            return Poll::Ready(answer);
        }
        if let Some(moving) = line
            && moving.0.as_mut().poll(cx).is_ready()
        {
            *line = None;
            return work.as_mut().poll(cx);
        }
        Poll::Pending
    })
    .await
}
