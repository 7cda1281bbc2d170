//! Changes of the file, each with its entry in the audit trail: neither is without the other, whether the database takes
//! no entry, whoever asked hangs up, or the gateway is killed in between.

use std::sync::Arc;

use super::Admin;
use super::answer::Failure;
use super::settings::version;
use crate::access::Operator;
use crate::access::issue::IssueError;
use crate::store::audit::{self, Entry};
use crate::store::{StoreError, begun};

/// What is done, as the audit trail tells it.
#[derive(Clone, Debug)]
pub(super) struct Deed {
    /// Who does it.
    pub operator: Operator,
    /// Such as `settings.change`.
    pub action: &'static str,
    /// To what.
    pub subject: String,
    /// What is known of it before it is done. Nothing secret.
    pub detail: String,
    /// Stored secrets that are forgotten with it, unless the file still uses them.
    pub frees: Vec<String>,
}

impl Deed {
    pub(super) fn new(operator: Operator, action: &'static str, subject: &str, detail: impl Into<String>) -> Self {
        Self { operator, action, subject: subject.to_owned(), detail: detail.into(), frees: Vec::new() }
    }

    /// With stored secrets that are forgotten with it, unless the file still uses them.
    pub(super) fn freeing(self, frees: Vec<String>) -> Self {
        Self { frees, ..self }
    }

    fn entry(&self, at_ms: i64) -> Entry<'_> {
        let Self { operator, action, subject, detail, .. } = self;
        Entry { at_ms, actor: operator.actor(), action, subject, detail }
    }
}

/// Does `change`, which changes the file; `tell` says afterwards what it came to. Goes on where nobody waits for it any
/// more.
pub(super) async fn noted<T: Send + 'static>(
    admin: &Arc<Admin>,
    deed: Deed,
    change: impl Future<Output = Result<T, Failure>> + Send + 'static,
    tell: impl FnOnce(&T) -> Option<String> + Send + 'static,
) -> Result<T, Failure> {
    let (reply, answer) = tokio::sync::oneshot::channel();
    let (inner, under_way) = (Arc::clone(admin), admin.lifecycle.enter());
    admin.lifecycle.spawn_connection(async move {
        let done = inner.noted(deed, change, tell).await;
        // Whoever hung up has no answer.
        drop(reply.send(done));
        drop(under_way);
    });
    answer.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
}

impl Admin {
    async fn noted<T>(
        &self,
        mut deed: Deed,
        change: impl Future<Output = Result<T, Failure>>,
        tell: impl FnOnce(&T) -> Option<String>,
    ) -> Result<T, Failure> {
        let at_ms = self.clock.now_ms();
        let Some(before) = version(self).await? else {
            // Without a file there is nothing that could outlive the entry.
            let done = change.await?;
            deed.detail = tell(&done).unwrap_or(deed.detail);
            self.note(deed).await?;
            return Ok(done);
        };
        let begins = deed.clone();
        let begin =
            move |connection: &mut _| Ok::<_, IssueError>(begun::begin(connection, &begins.entry(at_ms), &before)?);
        let id = self.writer.call(begin).await?;
        match change.await {
            Ok(done) => {
                deed.detail = tell(&done).unwrap_or(deed.detail);
                let config = Arc::clone(&self.reload.status().config);
                deed.frees.retain(|name| !config.uses_secret(name));
                let end = move |connection: &mut _| {
                    Ok::<_, IssueError>(begun::end(connection, id, &deed.entry(at_ms), &deed.frees)?)
                };
                self.writer.call(end).await?;
                Ok(done)
            }
            Err(failure) => {
                // What cannot be settled now is at the next start.
                if let Ok(Some(now)) = version(self).await {
                    let settle =
                        move |connection: &mut _| Ok::<_, IssueError>(begun::settle(connection, Some(id), &now)?);
                    drop(self.writer.call(settle).await);
                }
                Err(failure)
            }
        }
    }

    /// Writes into the audit trail what was done and left nothing behind.
    pub(super) async fn note(&self, deed: Deed) -> Result<(), Failure> {
        let at_ms = self.clock.now_ms();
        let add = move |connection: &mut _| Ok::<_, IssueError>(audit::add(connection, &deed.entry(at_ms))?);
        Ok(self.writer.call(add).await?)
    }
}
