//! A door that lets a call through when the budget has room for it.

use std::sync::Arc;

use schakel_core::connector::{BoxFuture, Http, HttpError, Request, Response};

use super::{Ledger, Taken};

/// A door that spends the budget of one connection, and tells it what answers say of the limits.
pub struct BudgetDoor {
    inner: Arc<dyn Http>,
    ledger: Arc<Ledger>,
}

impl BudgetDoor {
    /// Lets calls through to `inner` as long as `ledger` has room; the others are refused at once.
    #[must_use]
    pub fn new(inner: Arc<dyn Http>, ledger: Arc<Ledger>) -> Self {
        Self { inner, ledger }
    }
}

impl Http for BudgetDoor {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, HttpError>> {
        Box::pin(async move {
            let taken = self.ledger.take(request.class).await?;
            let open = Open {
                ledger: &self.ledger,
                taken: Some(taken),
            };
            let answer = self.inner.send(request).await;
            open.end(&answer);
            self.ledger.tidy().await;
            answer
        })
    }
}

/// A call under way; given up when dropped, after which it may still be counted.
struct Open<'l> {
    ledger: &'l Ledger,
    taken: Option<Taken>,
}

impl Open<'_> {
    fn end(mut self, answer: &Result<Response, HttpError>) {
        if let Some(taken) = self.taken.take() {
            let may_count = !matches!(answer, Err(HttpError::NotSent(_)));
            self.ledger.ended(&taken, answer.as_ref().ok(), may_count);
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if let Some(taken) = self.taken.take() {
            self.ledger.ended(&taken, None, true);
        }
    }
}
