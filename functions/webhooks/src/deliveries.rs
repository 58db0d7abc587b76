//! What was sent to a webhook, what came of it, and sending it again.

use domain::time::{Instant, Zone};
use edge::{
    Access, Answer, Api, At, Call, Cell, Code, Form, Kind, List, Method, OrNull, Problem, Role, Route, Text,
    Ulid, answer, asking, body, given, taking,
    wire::{id, read_id},
    words,
};
use engine::{Delivery, id::EventId, records::DeliveryState};

use crate::found;

words! {
    /// What came of an attempt.
    enum State {
        /// The receiver answered 2xx.
        Ok = "ok",
        /// It did not.
        Failed = "failed",
        /// It was not tried yet.
        Pending = "pending",
    }
}

answer! {
    /// An attempt to deliver an event.
    struct Attempt<'a> {
        /// the event
        event_id: Ulid<EventId>,
        /// its type
        r#type: Text<64, &'a str>,
        /// its number, from 1; 0: not tried yet
        attempt: u32,
        /// when, by the machine's clock
        at: At,
        /// what came of it
        status: State,
        /// the status of the answer, if there was one
        http: OrNull<u32>,
        /// what went wrong: status, redirect, gone, timeout, dns, connect, tls, answer, address_refused, disabled, record_gone, record_unreadable
        error: OrNull<Text<64, &'a str>>,
        /// how the answer began, for staff
        body: Option<Cell<256, &'a str>>,
        /// when it is tried next
        next_at: OrNull<At>,
    }
}

answer! {
    /// A page of attempts.
    struct Deliveries<'a> {
        /// the newest event first, and of each the newest attempt; a page may be short
        deliveries: List<Attempt<'a>, 0, 200>,
        /// null at the end
        next_cursor: OrNull<Text<64>>,
    }
}

body! {
    /// Events are sent again: one, or the failed ones of a time.
    struct Redeliver {
        /// the event
        event_id: Option<Ulid<EventId>>,
        /// failed ones that were recorded from then on
        since: Option<Instant>,
        /// and before
        until: Option<Instant>,
    }
}

answer! {
    /// Events are on their way again.
    struct Redelivered {
        /// how many
        events: u64,
    }
}

const ACCESS: Access = Access::keys(&[Role::Operator, Role::Storefront]);

/// `GET /webhooks/{id}/deliveries`.
pub(crate) const LIST_ROUTE: Route = Route {
    method: Method::Get,
    path: "/{id}/deliveries",
    summary: "The attempts of the last 30 days, the newest event first; of one status",
    access: ACCESS,
    answers: &[(200, Deliveries::SHAPE)],
    problems: &[Code::WebhookNotFound],
    query: &["limit", "cursor", "status"],
    ..asking!(list)
};

/// `POST /webhooks/{id}/redeliver`.
pub(crate) const REDELIVER: Route = Route {
    method: Method::Post,
    path: "/{id}/redeliver",
    summary: "Sends an event again, or those of a time that failed, under the same ids",
    access: ACCESS,
    remembers: true,
    answers: &[(202, Redelivered::SHAPE)],
    problems: &[Code::WebhookNotFound, Code::EventNotFound],
    ..taking!(Redeliver => redeliver)
};

fn state(state: DeliveryState) -> State {
    match state {
        DeliveryState::Ok => State::Ok,
        DeliveryState::Failed => State::Failed,
        DeliveryState::Pending => State::Pending,
    }
}

fn shown(zone: Zone, own: &Delivery, is_staff: bool) -> Attempt<'_> {
    let record = &own.record;
    Attempt {
        event_id: Ulid(own.event),
        r#type: Text(&record.what),
        attempt: own.attempt,
        at: At(zone.show(record.at)),
        status: state(record.state),
        http: OrNull(record.http.map(u32::from)),
        error: OrNull(record.error.as_deref().map(Text)),
        body: record.body.as_deref().filter(|_| is_staff).map(Cell),
        next_at: OrNull(record.next_at.map(|at| At(zone.show(at)))),
    }
}

/// The place of an attempt, as a cursor.
fn cursor(own: &Delivery) -> String {
    format!("{}.{}", id(own.event), own.attempt)
}

fn read_cursor(text: &str) -> Option<(EventId, u32)> {
    let (event, attempt) = text.split_once('.')?;
    Some((read_id(event)?, attempt.parse().ok()?))
}

async fn list(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let own = found(api, call).await?;
    let limit = call.limit()?;
    let wrong = |name: &str, detail: &str| Problem::field(&format!("/query/{name}"), "wrong_format", detail);
    let after = call
        .query("cursor")
        .map(|text| read_cursor(text).ok_or_else(|| wrong("cursor", "a next_cursor of this list")));
    let asked = call.query("status").map(|word| {
        let all = [State::Ok, State::Failed, State::Pending];
        all.into_iter().find(|own| own.word() == word).ok_or_else(|| wrong("status", "ok, failed or pending"))
    });
    let (after, asked) = (after.transpose()?, asked.transpose()?);

    let found = api.engine.webhooks().deliveries(own.id, after, limit).await?;

    let next = found.last().filter(|_| found.len() == limit).map(cursor);
    let (_, zone) = api.engine.programme().currency_and_zone()?;
    let is_staff = call.caller.may(&[Role::Operator]);
    let fitting = found.iter().filter(|own| asked.is_none_or(|asked| state(own.record.state) == asked));
    let deliveries = fitting.map(|own| shown(zone, own, is_staff)).collect();
    Ok(Answer::new(200, &Deliveries { deliveries, next_cursor: OrNull(next.map(Text)) }))
}

async fn redeliver(api: &Api, call: &Call, body: Redeliver) -> Result<Answer, Problem> {
    let own = found(api, call).await?;
    let mut form = Form::new(api, call)?;
    let asked = match (body.event_id, body.since, body.until) {
        (Some(event), _, _) => {
            form.takes_no(given!(body: since, until), "event_id, or since and until");
            Some(Err(event.0))
        }
        (None, Some(since), Some(until)) => Some(Ok((since, until))),
        (None, since, until) => {
            for (pointer, missing) in [("/since", since.is_none()), ("/until", until.is_none())] {
                if missing {
                    form.fault(pointer, "required", "event_id, or since and until");
                }
            }
            None
        }
    };
    let asked = form.finish(asked)?;
    if let Some(answer) = api.engine.access().remembered(&call.request).await? {
        return Ok(Answer::from(answer).replayed(true));
    }
    let world = api.clock.world();
    let webhooks = api.engine.webhooks();

    let events = match asked {
        Err(event) => {
            if !webhooks.redeliver(own.id, event, world).await? {
                return Err(Problem::of(Code::EventNotFound));
            }
            1
        }
        Ok(time) => webhooks.redeliver_failed(own.id, time, world).await?,
    };

    let answer = Answer::new(202, &Redelivered { events: events as u64 });
    let told = api.engine.access().remember_answer(&call.request, answer.kept()).await?;
    Ok(told.into())
}
