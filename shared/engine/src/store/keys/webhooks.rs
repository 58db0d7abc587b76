//! Keys of webhooks: the list of them, what was sent to each, and what waits to be sent again.

use domain::time::Instant;

use super::{key, kind, sortable};
use crate::store::{
    Key, Range,
    id::{EventId, WebhookId},
};

/// What happened to something without an entry: by its moment, and by what tells it from others of that moment.
pub fn happened(at: Instant, tie: [u8; 16]) -> Key {
    key(kind::HAPPENED, &[&sortable(at), &tie])
}

/// All webhooks: one record, so that how many there are is a condition.
pub fn webhooks() -> Key {
    key(kind::WEBHOOK, &[])
}

/// Since when a webhook's receiver has failed.
pub fn failing(webhook: WebhookId) -> Key {
    key(kind::WEBHOOK, &[&webhook.0])
}

/// The webhook of such a key.
pub fn read_failing(key: &Key) -> Option<WebhookId> {
    let id = key.as_bytes().get(2..).filter(|_| key.kind() == kind::WEBHOOK)?;
    id.try_into().ok().map(WebhookId)
}

/// An attempt to deliver an event, from 1; 0 is that it was not tried yet. The newest event comes first, and of each
/// the newest attempt.
pub fn delivery(webhook: WebhookId, event: EventId, attempt: u32) -> Key {
    let descending = (u32::MAX - attempt).to_be_bytes();
    key(kind::DELIVERY, &[&webhook.0, &event.0.map(|byte| !byte), &descending])
}

/// The webhook, the event and the number of an attempt's key.
pub fn read_delivery(key: &Key) -> Option<(WebhookId, EventId, u32)> {
    let rest = key.as_bytes().get(2..).filter(|rest| key.kind() == kind::DELIVERY && rest.len() == 36)?;
    let (webhook, rest) = rest.split_at(16);
    let (event, descending) = rest.split_at(16);
    let event: [u8; 16] = event.try_into().ok()?;
    let attempt = u32::MAX - u32::from_be_bytes(descending.try_into().ok()?);
    Some((WebhookId(webhook.try_into().ok()?), EventId(event.map(|byte| !byte)), attempt))
}

/// All that was sent to a webhook, or of one event.
pub fn deliveries(webhook: WebhookId, event: Option<EventId>) -> Range {
    let event: Vec<u8> = event.map_or_else(Vec::new, |event| event.0.iter().map(|byte| !byte).collect());
    let from = |end: &[u8]| key(kind::DELIVERY, &[&webhook.0, &event, end]);
    Range { from: from(&[]), to: from(&[0xff; 32]) }
}

/// What was sent to a webhook of events of the time from `since` on and before `until`.
pub fn deliveries_between(webhook: WebhookId, since: Instant, until: Instant) -> Range {
    let at = |time: i64| {
        let bytes = time.max(0).to_be_bytes();
        key(
            kind::DELIVERY,
            &[&webhook.0, &[!bytes[2], !bytes[3], !bytes[4], !bytes[5], !bytes[6], !bytes[7]]],
        )
    };
    let all = deliveries(webhook, None);
    // The newest comes first.
    let from = if until.0 > 0 { at(until.0 - 1) } else { all.to.clone() };
    Range { from, to: if since.0 > 0 { at(since.0 - 1) } else { all.to } }
}

/// What is to be sent to a webhook at that moment, or as soon as possible after it.
pub fn retry(webhook: WebhookId, at: Instant, event: EventId) -> Key {
    key(kind::RETRY, &[&webhook.0, &sortable(at), &event.0])
}

/// All that waits for a webhook, the earliest first.
pub fn retries(webhook: WebhookId) -> Range {
    Range { from: key(kind::RETRY, &[&webhook.0]), to: key(kind::RETRY, &[&webhook.0, &[0xff; 32]]) }
}

/// The webhook, the moment and the event of such a key.
pub fn read_retry(key: &Key) -> Option<(WebhookId, Instant, EventId)> {
    let rest = key.as_bytes().get(2..).filter(|rest| key.kind() == kind::RETRY && rest.len() == 40)?;
    let (webhook, rest) = rest.split_at(16);
    let (at, event) = rest.split_at(8);
    let at = u64::from_be_bytes(at.try_into().ok()?);
    let at = Instant((at ^ (1 << 63)).cast_signed());
    Some((WebhookId(webhook.try_into().ok()?), at, EventId(event.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: WebhookId = WebhookId([7; 16]);

    /// An event of that moment, with a hash.
    fn event(at: i64, hash: u8) -> EventId {
        let mut id = [hash; 16];
        id[..6].copy_from_slice(&at.to_be_bytes()[2..]);
        EventId(id)
    }

    #[test]
    fn the_newest_event_comes_first_and_keys_read_back() {
        let places = [
            (event(9_000, 0), 1),
            (event(500, 0xff), 2),
            (event(500, 0xff), 1),
            (event(500, 0), 3),
            (event(0, 1), 0),
        ];
        let keys = places.map(|(event, attempt)| delivery(ID, event, attempt));
        assert!(keys.is_sorted());
        for ((event, attempt), key) in places.iter().zip(&keys) {
            assert_eq!(read_delivery(key), Some((ID, *event, *attempt)));
            assert_eq!(read_retry(key), None);
            let all = deliveries(ID, None);
            assert!(all.from <= *key && *key < all.to);
            for (other, _) in places {
                let of = deliveries(ID, Some(other));
                assert_eq!(of.from <= *key && *key < of.to, other == *event);
            }
        }
        assert!(deliveries(WebhookId([8; 16]), None).from >= deliveries(ID, None).to);
    }

    #[test]
    fn events_of_a_time_are_those_from_its_beginning_and_before_its_end() {
        for at in [0, 1, 499, 500, 501, 999, 1_000, 5_000] {
            for hash in [0, 7, 0xff] {
                let key = delivery(ID, event(at, hash), 1);
                for (since, until) in
                    [(500, 1_000), (0, 500), (0, i64::MAX >> 16), (500, 500), (0, 0), (-5, 1)]
                {
                    let range = deliveries_between(ID, Instant(since), Instant(until));
                    let within = range.from <= key && key < range.to;
                    assert_eq!(within, since <= at && at < until, "{at} in {since}..{until}");
                }
            }
        }
    }

    #[test]
    fn since_when_a_webhook_fails_is_not_the_list_of_them() {
        assert_eq!(read_failing(&failing(ID)), Some(ID));
        assert_eq!(read_failing(&webhooks()), None);
        assert_eq!(read_failing(&retry(ID, Instant(1), event(1, 1))), None);
    }

    #[test]
    fn what_waits_is_in_order_and_reads_back() {
        let keys = [-1, 0, 5, 1 << 40].map(|at| retry(ID, Instant(at), event(1, 1)));
        assert!(keys.is_sorted());
        for (at, key) in [-1, 0, 5, 1 << 40].into_iter().zip(&keys) {
            assert_eq!(read_retry(key), Some((ID, Instant(at), event(1, 1))));
            assert!(retries(ID).from <= *key && *key < retries(ID).to);
        }
    }
}
