//! What follows from an attempt: nothing, another one later, or the end of all of them.

use domain::time::Instant;

/// Seconds after which an event is sent again, once for each attempt that failed.
const DELAYS_SECONDS: [i64; 9] =
    [5, 5 * 60, 30 * 60, 2 * 3_600, 5 * 3_600, 10 * 3_600, 14 * 3_600, 20 * 3_600, 24 * 3_600];

/// Per cent by which a delay is longer or shorter, by chance.
const SPREAD_PERCENT: i64 = 20;

/// The longest wait that a receiver may ask for, in seconds.
const ASKED_SECONDS_MAX: i64 = 24 * 3_600;

/// Days without one success after which a webhook is switched off.
pub const DAYS_WITHOUT_SUCCESS: u32 = 5;

/// What came of an attempt.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Came {
    /// The status of the answer, if there was one.
    pub http: Option<u16>,
    /// What went wrong, as a word; nothing if the receiver has the event.
    pub error: Option<&'static str>,
    /// How the answer's body begins.
    pub body: Option<String>,
    /// Seconds for which the receiver asks to be left alone.
    pub retry_after: Option<i64>,
}

impl Came {
    /// Without an answer, because of that.
    pub fn nothing(error: &'static str) -> Came {
        Came { error: Some(error), ..Came::default() }
    }

    /// An answer of that status: 2xx is success, and all else a failure.
    pub fn answered(status: u16, retry_after: Option<i64>, body: String) -> Came {
        let error = match status {
            200..=299 => None,
            300..=399 => Some("redirect"),
            410 => Some("gone"),
            _ => Some("status"),
        };
        let body = Some(body).filter(|body| !body.is_empty());
        Came { http: Some(status), error, body, retry_after }
    }

    /// Whether the receiver has the event.
    pub fn is_ok(&self) -> bool {
        self.error.is_none()
    }
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Nothing: the receiver has it.
    Done,
    /// It is sent again at that moment of the machine's clock.
    Again(Instant),
    /// Nothing: it was sent often enough.
    Never,
    /// Nothing, and nothing else either: the receiver is gone for good.
    Off,
}

/// What comes after an attempt that ended at `now`, of the machine's clock. `tried` attempts of this schedule had
/// failed before; `chance` is any number.
pub fn next(came: &Came, tried: u32, now: Instant, chance: u64) -> Next {
    if came.is_ok() {
        return Next::Done;
    }
    if came.http == Some(410) {
        return Next::Off;
    }
    let delay = usize::try_from(tried).ok().and_then(|tried| DELAYS_SECONDS.get(tried));
    let Some(delay) = delay else { return Next::Never };
    let span = 2 * SPREAD_PERCENT * 10 * delay;
    // In milliseconds: a whole number between −20 % and +20 % of the delay.
    let drawn = i64::try_from(chance % (span.unsigned_abs() + 1)).unwrap_or(0);
    let spread = drawn - span / 2;
    let asked = came.retry_after.unwrap_or(0).clamp(0, ASKED_SECONDS_MAX) * 1_000;
    Next::Again(now.plus_millis((delay * 1_000 + spread).max(asked)))
}

/// Whether a receiver that has failed since then has failed for long enough to be switched off.
pub fn failing_too_long(since: Option<Instant>, now: Instant) -> bool {
    since.is_some_and(|since| since.plus_days(DAYS_WITHOUT_SUCCESS) <= now)
}

/// The seconds that a header `Retry-After` asks for at that moment: a number, or a date (RFC 9110, 10.2.3).
pub fn retry_after(header: &str, now: Instant) -> Option<i64> {
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        // Longer than any is as long as the longest.
        return Some(header.parse().unwrap_or(ASKED_SECONDS_MAX));
    }
    let (_, date) = header.split_once(", ")?;
    let parts: Vec<&str> = date.split(' ').collect();
    let [day, month, year, time, "GMT"] = parts[..] else { return None };
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = months.iter().position(|own| *own == month)? + 1;
    let at = Instant::parse(&format!("{year}-{month:02}-{day}T{time}Z"))?;
    Some(((at.0 - now.0) / 1_000).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant(1_767_225_600_000);

    fn failed() -> Came {
        Came::answered(500, None, String::new())
    }

    #[test]
    fn an_event_is_sent_again_nine_times_within_a_fifth_of_its_delays() {
        for (tried, seconds) in (0..).zip(DELAYS_SECONDS) {
            let mut drawn = Vec::new();
            for chance in [0, 1, u64::MAX / 3, u64::MAX / 2, u64::MAX] {
                let Next::Again(at) = next(&failed(), tried, NOW, chance) else { panic!("{tried}") };
                let millis = at.0 - NOW.0;
                assert!((seconds * 800..=seconds * 1_200).contains(&millis), "{tried}: {millis}");
                drawn.push(millis);
            }
            assert_eq!(drawn[0], seconds * 800);
            drawn.dedup();
            assert!(drawn.len() > 2, "{drawn:?}");
        }
        assert_eq!(next(&failed(), 9, NOW, 0), Next::Never);
        assert_eq!(next(&failed(), u32::MAX, NOW, 0), Next::Never);
    }

    #[test]
    fn what_an_answer_means() {
        for (status, error, want) in [
            (200, None, Some(Next::Done)),
            (204, None, Some(Next::Done)),
            (299, None, Some(Next::Done)),
            (301, Some("redirect"), None),
            (307, Some("redirect"), None),
            (199, Some("status"), None),
            (400, Some("status"), None),
            (404, Some("status"), None),
            (410, Some("gone"), Some(Next::Off)),
            (500, Some("status"), None),
        ] {
            let came = Came::answered(status, None, String::new());
            assert_eq!(came.error, error, "{status}");
            let next = next(&came, 0, NOW, 7);
            match want {
                Some(want) => assert_eq!(next, want, "{status}"),
                None => assert!(matches!(next, Next::Again(_)), "{status}"),
            }
        }
        assert!(matches!(next(&Came::nothing("timeout"), 0, NOW, 7), Next::Again(_)));
    }

    #[test]
    fn a_receiver_may_ask_to_be_left_alone_for_a_day() {
        for (asked, want) in
            [(Some(1), 4_000), (Some(60), 60_000), (Some(86_400), 86_400_000), (Some(1 << 40), 86_400_000)]
        {
            let came = Came { retry_after: asked, ..failed() };
            assert_eq!(next(&came, 0, NOW, 0), Next::Again(NOW.plus_millis(want)), "{asked:?}");
        }
        for (header, want) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("99999999999999999999999", Some(ASKED_SECONDS_MAX)),
            ("Thu, 01 Jan 2026 00:02:00 GMT", Some(120)),
            ("Wed, 31 Dec 2025 00:02:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("", None),
            ("Thu, 01 Foo 2026 00:02:00 GMT", None),
            ("Thu, 99 Jan 2026 00:02:00 GMT", None),
        ] {
            assert_eq!(retry_after(header, NOW), want, "{header}");
        }
    }

    #[test]
    fn five_days_without_success_are_too_long() {
        assert!(!failing_too_long(None, NOW));
        assert!(!failing_too_long(Some(NOW), NOW));
        let day = 24 * 60 * 60 * 1_000;
        assert!(!failing_too_long(Some(NOW.plus_millis(1 - 5 * day)), NOW));
        assert!(failing_too_long(Some(NOW.plus_millis(-5 * day)), NOW));
    }
}
