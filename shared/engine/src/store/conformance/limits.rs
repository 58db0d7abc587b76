//! The limits of the port.

use std::sync::Arc;

use super::{delete, done, put, range, scanned, walk};
use crate::store::{Key, Store, StoreError, VALUE_BYTES_MAX, WRITES_MAX};

pub(super) async fn the_most_writes_go_through(store: Arc<dyn Store>) {
    let name = |at: usize| format!("z{at:03}");
    done(&*store, (0..WRITES_MAX).map(|at| put(name(at), "1")).collect()).await;
    assert_eq!(scanned(&*store, range("z", "{"), 1_000).await.len(), WRITES_MAX);
}

pub(super) async fn what_breaks_a_limit_is_refused(store: Arc<dyn Store>) {
    let name = |at: usize| format!("z{at:03}");
    let hopeless = [
        (0..=WRITES_MAX).map(|at| put(name(at), "1")).collect(),
        vec![put("ok", "1"), put("", "1")],
        vec![put("ok", "1"), put(vec![1; Key::BYTES_MAX + 1], "1")],
        vec![put("ok", "1"), put("large", vec![0; VALUE_BYTES_MAX + 1])],
        vec![put("ok", "1"), put("twice", "1"), delete("twice")],
    ];
    for writes in hopeless {
        let answer = store.commit(writes).await;
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    }
    assert_eq!(walk::walked(&*store, None, 10).await, []);
    done(&*store, vec![put("ok", "1")]).await;
}
