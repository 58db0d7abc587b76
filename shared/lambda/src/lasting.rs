//! An instance that is made anew where it can serve no more: the master key is read once for each, and the data may be
//! rekeyed, or the secret be mended, while Lambda keeps the process.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::Instance;

/// An instance, and how another one is made.
pub struct Lasting<Make> {
    make: Make,
    current: Mutex<Arc<Instance>>,
}

impl<Make, Making> Lasting<Make>
where
    Make: Fn() -> Making,
    Making: Future<Output = Result<Instance, String>>,
{
    /// The first instance.
    ///
    /// # Errors
    /// It cannot be made.
    pub async fn new(make: Make) -> Result<Lasting<Make>, String> {
        let current = Mutex::new(Arc::new(make().await?));
        Ok(Lasting { make, current })
    }

    /// The instance that handles the next event: another one, if the last event found that the one before can serve no
    /// more.
    pub async fn instance(&self) -> Arc<Instance> {
        let mut current = self.current.lock().await;
        if current.is_outlived() {
            match (self.make)().await {
                Ok(next) => *current = Arc::new(next),
                Err(error) => tracing::error!(error, "no other instance can be made"),
            }
        }
        current.clone()
    }
}
