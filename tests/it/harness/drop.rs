//! Futures that are dropped before their end.

use std::future::{Future, poll_fn};
use std::task::Poll;

/// Polls the future whenever it can go on, and drops it when it has said "not yet" for the nth time. `None` if it got that far.
pub async fn drop_after<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = Box::pin(future);
    let mut pending = 0;
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => {
            pending += 1;
            if pending == polls {
                Poll::Ready(None)
            } else {
                Poll::Pending
            }
        }
    })
    .await
}
