//! What is told of refused events, written down while others are played: whoever tells waits until it is on disk, and
//! what is told meanwhile is written at once.

use std::io;

use files::Told;
use tokio::sync::{mpsc, oneshot};

use crate::start::{StartError, failed};

/// What is told, and who waits until that is on disk.
type Message = (Vec<Told>, oneshot::Sender<Result<(), String>>);

/// Writes what it is told.
pub(super) struct Telling(mpsc::UnboundedSender<Message>);

impl Telling {
    /// Writes with this function, which returns when all of it is on disk.
    pub(super) fn with(write: impl Fn(&[Told]) -> io::Result<()> + Clone + Send + 'static) -> Telling {
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(write_all(receiver, write));
        Telling(sender)
    }

    /// Tells, and waits until it is on disk.
    pub(super) async fn tell(&self, told: Vec<Told>) -> Result<(), StartError> {
        let unwritable = |why: String| StartError(format!("cannot write what is told: {why}"));
        let gone = || unwritable("its writer has stopped".to_owned());
        let (sender, receiver) = oneshot::channel();
        self.0.send((told, sender)).map_err(|_| gone())?;
        receiver.await.map_err(|_| gone())?.map_err(unwritable)
    }
}

async fn write_all(
    mut messages: mpsc::UnboundedReceiver<Message>,
    write: impl Fn(&[Told]) -> io::Result<()> + Clone + Send + 'static,
) {
    while let Some(first) = messages.recv().await {
        let mut waiting = vec![first];
        while let Ok(more) = messages.try_recv() {
            waiting.push(more);
        }
        let (told, waiting): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
        let write = write.clone();
        let written = tokio::task::spawn_blocking(move || write(&told.concat())).await;
        let written = match written {
            Ok(written) => written.map_err(|error| error.to_string()),
            Err(error) => Err(failed("it stopped", &error).0),
        };
        for one in waiting {
            // Who does not wait any more has been stopped.
            let _ = one.send(written.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use files::Lines;
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn what_is_told_at_one_time_is_written_at_once() {
        let written: Arc<Mutex<Vec<usize>>> = Arc::default();
        let telling = Telling::with({
            let written = written.clone();
            move |told: &[Told]| {
                written.lock().unwrap().push(told.len());
                Ok(())
            }
        });
        let tell = |line: u64| telling.tell(vec![Told::row(Lines::one(line), "code", "detail")]);
        for told in join_all((1..=500).map(tell)).await {
            told.unwrap();
        }
        assert_eq!(written.lock().unwrap().iter().sum::<usize>(), 500);
        assert!(written.lock().unwrap().len() < 10, "{:?}", written.lock().unwrap());
        tell(501).await.unwrap();
        assert_eq!(written.lock().unwrap().last(), Some(&1), "it is written when `tell` returns");
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_an_error_of_all_who_wait() {
        let telling = Telling::with(|_: &[Told]| Err(io::Error::other("the disk is full")));
        let tell = |line: u64| telling.tell(vec![Told::row(Lines::one(line), "code", "detail")]);
        for told in join_all((1..=3).map(tell)).await {
            assert!(told.unwrap_err().0.contains("the disk is full"));
        }
    }
}
