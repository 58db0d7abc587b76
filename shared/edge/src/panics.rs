//! A broken invariant ends its request and nothing else: the panic is caught where the request came in,
//! logged once, and answered with 500.
//!
//! The log says which request it was and where in the code, but not the panic's message, which may quote
//! personal data. A process that ends on a panic, such as a function's on Lambda, has a hook of its own, and
//! nothing is caught there.

use std::{
    cell::{Cell, RefCell},
    panic::{self, AssertUnwindSafe},
    pin::pin,
    sync::Once,
    task::Poll,
};

thread_local! {
    /// Whether this thread is inside a request that is caught.
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    /// Where the request panicked.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

static NOTING: Once = Once::new();

/// From now on, a panic inside a request is noted for its log line instead of printed. Any other panic in the
/// process is printed as before.
///
/// For a process that outlives a panic. It is not automatic, because a process that ends on a panic has a
/// hook that must stay.
pub fn note_panics() {
    NOTING.call_once(|| {
        let printing = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !CATCHING.get() {
                return printing(info);
            }
            PLACE.set(info.location().map(|place| format!("{}:{}", place.file(), place.line())));
        }));
    });
}

/// What panicked was caught.
pub(crate) struct Panicked {
    /// Where, if panics are noted.
    pub(crate) place: Option<String>,
}

/// Its result, unless it panics. A panic releases what it held, as if it had been dropped.
pub(crate) async fn caught<T>(doing: impl Future<Output = T>) -> Result<T, Panicked> {
    let mut doing = pin!(doing);
    std::future::poll_fn(|context| {
        let before = CATCHING.replace(true);
        // Nothing that it leaves behind is read again: what it shares with others is behind locks whose
        // holders only assign, and turns that unwinding gives back.
        let polled = panic::catch_unwind(AssertUnwindSafe(|| doing.as_mut().poll(context)));
        CATCHING.set(before);
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(done)) => Poll::Ready(Ok(done)),
            Err(_) => Poll::Ready(Err(Panicked { place: PLACE.take() })),
        }
    })
    .await
}
