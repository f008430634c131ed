//! How long somebody waits for the store who has an answer to give meanwhile.

use std::future::Future;
use std::io;
use std::time::Duration;

use crate::db::driver;
use crate::error::StoreError;

/// Does what asks the store, for at most `limit`: a database that stands still answers nothing, and a page that says so is
/// worth more than one that loads for ever. What is given up is rolled back.
///
/// # Errors
/// What `does` says; an outage ([`StoreError::is_outage`]) when it takes longer.
pub async fn within<T>(
    limit: Duration,
    does: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout(limit, does)
        .await
        .unwrap_or_else(|_| Err(driver("ask the database", late(limit))))
}

/// Says that no answer came in time.
pub(crate) fn late(limit: Duration) -> sqlx::Error {
    let text = format!("no answer within {} s", limit.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_store_that_says_nothing_counts_as_away() {
        let silent = std::future::pending::<Result<(), StoreError>>();
        let error = within(Duration::from_secs(5), silent).await.unwrap_err();
        assert!(error.is_outage());
        assert_eq!(error.to_string(), "cannot ask the database: no answer within 5 s");
        assert!(within(Duration::from_secs(5), async { Ok(()) }).await.is_ok());
    }
}
