//! Spawning with a name. Bare `tokio::spawn` is forbidden by `clippy.toml`, so that every task has an owner
//! who keeps its handle, and a panic in one is always seen.

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinHandle;

/// Runs `future` on the current runtime. A panic is logged with the task's name and ends only that task.
#[allow(clippy::disallowed_methods)] // the one place that may spawn
pub fn spawn<F>(name: &'static str, future: F) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(async move {
        let inner = tokio::spawn(future);
        // Aborting the outer task must end the inner one too.
        let guard = AbortOnDrop(inner.abort_handle());
        if let Err(error) = inner.await
            && error.is_panic()
        {
            tracing::error!(task = name, "task panicked");
        }
        drop(guard);
    })
}

/// Runs a closure that blocks on a thread made for that.
#[allow(clippy::disallowed_methods)]
pub fn spawn_blocking<F, T>(work: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    tokio::task::spawn_blocking(work)
}

/// Waits on tokio's clock, which tests pause and move by hand.
#[allow(clippy::disallowed_methods)] // the one place that may sleep
pub async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn aborting_a_task_ends_what_it_runs() {
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let handle = spawn("waiter", async move {
            let _held = sender;
            std::future::pending::<()>().await;
        });
        tokio::task::yield_now().await;
        handle.abort();
        assert!(receiver.await.is_err(), "the sender was dropped with the task");
    }
}
