//! `/webhooks`: where events are sent, with which secret, and what came of it.
//!
//! Secrets are made here, shown once and stored sealed. Times are the machine's, whatever clock a test lives by.

mod deliveries;

use domain::{
    event::EventType,
    id::BrandId,
    shape::Fault,
    time::{Instant, Zone},
};
use edge::{
    Access, Answer, Api, At, Call, Change, Code, Function, Id, KeptAnswer, Kind, List, Method, Notes, OrNull,
    Problem, Role, Route, Text, Ulid, answer, asking, body, taking,
    webhook::{SECRET_BYTES, shown_secret, target},
    wire::{id as shown_id, read_id},
    words,
};
use engine::{
    NoSuchWebhook, Told,
    id::{EventId, WebhookId},
    records::{WebhookRecord, WebhookSecret, WebhookStatus},
};
use serde_json::Value;

/// For how long the secret before signs too, in milliseconds.
const BOTH_MILLIS: i64 = 24 * 60 * 60 * 1_000;

/// The most secrets of a webhook: the newest, and those before it that still sign.
const SECRETS_MAX: usize = 5;

body! {
    /// A webhook is made.
    struct MakeWebhook {
        /// where events are sent to: https, a public address, without user and password
        url: Text<2_000>,
        /// which: names, * for all, or group.*
        types: List<Text<64>, 1, 100>,
        /// the brand whose view of events it gets; staff's unless given
        brand: Option<BrandId>,
        /// for people
        description: Option<Text<200>>,
    }
}

body! {
    /// A webhook is changed.
    struct ChangeWebhook {
        /// where events are sent to
        url: Option<Text<2_000>>,
        /// which
        types: Option<List<Text<64>, 1, 100>>,
        /// for people; null takes it away
        description: Change<Text<200>>,
    }
}

body! {
    /// A webhook gets another secret.
    struct RotateWebhook {}
}

body! {
    /// A webhook is sent a test.
    struct TestWebhook {}
}

body! {
    /// A webhook is switched on again.
    struct EnableWebhook {}
}

words! {
    /// Whether a webhook is on.
    enum Status {
        /// Events are sent to it.
        Enabled = "enabled",
        /// Its receiver failed for five days, or said that it is gone.
        Disabled = "disabled",
    }
}

answer! {
    /// A webhook.
    struct Webhook<'a> {
        /// the webhook
        id: Ulid<WebhookId>,
        /// where events are sent to
        url: Text<2_000, &'a str>,
        /// which
        types: List<Text<64, &'a str>, 1, 100>,
        /// the brand whose view of events it gets; null: staff's
        brand: OrNull<Id<&'a BrandId>>,
        /// for people
        description: OrNull<Text<200, &'a str>>,
        /// whether it is on
        status: Status,
        /// since when it is off
        disabled_at: OrNull<At>,
        /// why it is off: gone (it answered 410), or failing (five days without one success)
        disabled_because: OrNull<Text<16, &'a str>>,
        /// when it was made
        created_at: At,
        /// when the newest secret was made
        secret_since: At,
        /// what requests are signed with; shown when it is made
        secret: Option<Text<64>>,
    }
}

answer! {
    /// Every webhook within reach.
    struct Webhooks<'a> {
        /// oldest first
        webhooks: List<Webhook<'a>, 0, 200>,
        /// always null: there are few
        next_cursor: OrNull<Text<64>>,
    }
}

answer! {
    /// A test is on its way.
    struct TestSent {
        /// the event
        event_id: Ulid<EventId>,
    }
}

/// Staff, and a storefront bound to a brand for that brand's.
const ACCESS: Access = Access::keys(&[Role::Operator, Role::Storefront]);
const UNKNOWN: &[Code] = &[Code::WebhookNotFound];

/// The function.
pub static FUNCTION: Function = Function {
    name: "webhooks",
    routes: &[
        Route {
            method: Method::Get,
            path: "",
            summary: "Every webhook; never a secret",
            access: ACCESS,
            answers: &[(200, Webhooks::SHAPE)],
            ..asking!(list)
        },
        Route {
            method: Method::Post,
            path: "",
            summary: "A new webhook, and its secret; it hears what is committed from then on",
            notes: Some(Notes::of_shops("webhook.made")),
            access: ACCESS,
            remembers: true,
            answers: &[(201, Webhook::SHAPE)],
            problems: &[Code::BrandNotFound, Code::LimitExceeded],
            ..taking!(MakeWebhook => create)
        },
        Route {
            method: Method::Get,
            path: "/{id}",
            summary: "A webhook; never its secret",
            access: ACCESS,
            answers: &[(200, Webhook::SHAPE)],
            problems: UNKNOWN,
            ..asking!(get)
        },
        Route {
            method: Method::Patch,
            path: "/{id}",
            summary: "Changes where a webhook's events go, which, or its description",
            notes: Some(Notes::of_shops("webhook.changed")),
            access: ACCESS,
            answers: &[(200, Webhook::SHAPE)],
            problems: UNKNOWN,
            ..taking!(ChangeWebhook => change)
        },
        Route {
            method: Method::Delete,
            path: "/{id}",
            summary: "Removes a webhook for good",
            notes: Some(Notes::of_shops("webhook.removed")),
            access: ACCESS,
            answers: &[(200, Webhook::SHAPE)],
            problems: UNKNOWN,
            ..asking!(remove)
        },
        Route {
            method: Method::Post,
            path: "/{id}/rotate",
            summary: "A new secret; the one before signs too for 24 hours",
            notes: Some(Notes::of_shops("webhook.rotated")),
            access: ACCESS,
            remembers: true,
            answers: &[(200, Webhook::SHAPE)],
            problems: UNKNOWN,
            ..taking!(RotateWebhook => rotate)
        },
        Route {
            method: Method::Post,
            path: "/{id}/test",
            summary: "Sends the webhook an event of type webhook.test, whichever types it hears",
            access: ACCESS,
            remembers: true,
            answers: &[(202, TestSent::SHAPE)],
            problems: UNKNOWN,
            ..taking!(TestWebhook => test)
        },
        Route {
            method: Method::Post,
            path: "/{id}/enable",
            summary: "Switches a webhook on again; what came meanwhile is sent if asked for",
            notes: Some(Notes::of_shops("webhook.enabled")),
            access: ACCESS,
            remembers: true,
            answers: &[(200, Webhook::SHAPE)],
            problems: UNKNOWN,
            ..taking!(EnableWebhook => enable)
        },
        deliveries::LIST_ROUTE,
        deliveries::REDELIVER,
    ],
};

pub(crate) fn not_found() -> Problem {
    Problem::of(Code::WebhookNotFound)
}

/// Whose webhooks the caller has to do with: a brand's, or all.
///
/// # Errors
/// 403 for a storefront that is bound to no brand.
pub(crate) fn reach(call: &Call) -> Result<Option<&BrandId>, Problem> {
    match &call.caller.brand {
        Some(brand) => Ok(Some(brand)),
        None if call.caller.may(&[Role::Operator]) => Ok(None),
        None => Err(Problem::forbidden()),
    }
}

/// The webhook that the path names.
pub(crate) fn named(call: &Call) -> Result<WebhookId, Problem> {
    call.path.first().and_then(|id| read_id(id)).ok_or_else(not_found)
}

/// The webhook that the path names, if it is within the caller's reach.
pub(crate) async fn found(api: &Api, call: &Call) -> Result<WebhookRecord, Problem> {
    let reach = reach(call)?;
    let id = named(call)?;
    let all = api.engine.webhooks().all().await?;
    all.into_iter().find(|own| own.id == id && reaches(reach, own)).ok_or_else(not_found)
}

fn reaches(reach: Option<&BrandId>, webhook: &WebhookRecord) -> bool {
    reach.is_none() || webhook.brand.as_ref() == reach
}

fn shown(zone: Zone, webhook: &WebhookRecord) -> Webhook<'_> {
    let (status, off) = match &webhook.status {
        WebhookStatus::Enabled => (Status::Enabled, None),
        WebhookStatus::Disabled { at, why } => (Status::Disabled, Some((*at, why.as_str()))),
    };
    let newest = webhook.secrets.last().map_or(webhook.created_at, |secret| secret.made_at);
    Webhook {
        id: Ulid(webhook.id),
        url: Text(&webhook.url),
        types: webhook.types.iter().map(|own| Text(own.as_str())).collect(),
        brand: OrNull(webhook.brand.as_ref().map(Id)),
        description: OrNull(webhook.description.as_deref().map(Text)),
        status,
        disabled_at: OrNull(off.map(|(at, _)| At(zone.show(at)))),
        disabled_because: OrNull(off.map(|(_, why)| Text(why))),
        created_at: At(zone.show(webhook.created_at)),
        secret_since: At(zone.show(newest)),
        secret: None,
    }
}

/// What is wrong with a URL, and with types.
fn faults(api: &Api, url: Option<&str>, types: Option<&[Text<64>]>) -> Vec<Fault> {
    let mut faults = Vec::new();
    if let Some(Err((code, detail))) = url.map(|url| target(url, api.local_webhooks)) {
        faults.push(Fault::new("/url", code, detail));
    }
    for (at, own) in types.into_iter().flatten().enumerate() {
        if !EventType::is_pattern(own) {
            let words: Vec<&str> = EventType::ALL.iter().map(|own| own.word()).collect();
            let detail = format!("{:?} is none of: *, group.*, {}", own.0, words.join(", "));
            faults.push(Fault::new(format!("/types/{at}"), "unknown_type", detail));
        }
    }
    faults
}

/// A new secret, sealed.
fn new_secret(api: &Api, id: WebhookId, made_at: Instant) -> Result<WebhookSecret, Problem> {
    let secret: [u8; SECRET_BYTES] = api.chance.bytes()?;
    let sealed = api.secrets.seal(&id.0, &secret).ok_or_else(|| Problem::saying(Code::Busy, "try again"))?;
    Ok(WebhookSecret { sealed, made_at, until: None })
}

/// The answer with the secret. Only the answer without it is remembered: for a repeat, the sealed one is opened again;
/// once it is gone, a day after a newer one was made, it is not told any more.
async fn with_secret(api: &Api, told: Told) -> Result<Answer, Problem> {
    let kept = KeptAnswer::of(&told.answer.body)?;
    let text = |name: &str| kept.get(name).and_then(Value::as_str).map(str::to_owned);
    let named = text("id").and_then(|id| read_id::<WebhookId>(&id));
    let named = named.ok_or_else(|| Problem::broken("a kept answer names no webhook"))?;
    let since = text("secret_since").and_then(|at| Instant::parse(&at));
    let all = api.engine.webhooks().all().await?;
    let own = all.iter().find(|own| own.id == named);
    let own = own.and_then(|own| own.secrets.iter().find(|secret| Some(secret.made_at) == since));
    let kept = match own {
        Some(secret) => {
            let Some(open) = api.secrets.open(&named.0, &secret.sealed) else {
                let detail = "the secret cannot be read; try again later";
                return Err(Problem::saying(Code::StoreUnavailable, detail));
            };
            kept.with("secret", shown_secret(&open))
        }
        None => kept,
    };
    Ok(kept.answer(told.answer.status).replayed(told.replayed))
}

async fn list(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let reach = reach(call)?;

    let mut all = api.engine.webhooks().all().await?;

    all.retain(|own| reaches(reach, own));
    let (_, zone) = api.engine.programme().currency_and_zone()?;
    let webhooks = all.iter().map(|own| shown(zone, own)).collect();
    Ok(Answer::new(200, &Webhooks { webhooks, next_cursor: OrNull(None) }))
}

async fn get(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let own = found(api, call).await?;
    let (_, zone) = api.engine.programme().currency_and_zone()?;
    Ok(Answer::new(200, &shown(zone, &own)))
}

async fn create(api: &Api, call: &Call, body: MakeWebhook) -> Result<Answer, Problem> {
    // A storefront's webhook is its brand's, whether it says so or not.
    let brand = match (reach(call)?, body.brand) {
        (Some(own), None) => Some(own.clone()),
        (_, told) => told,
    };
    if let Some(brand) = &brand {
        api.may_act_for(call, brand)?;
    }
    let faults = faults(api, Some(&*body.url), Some(&*body.types));
    if !faults.is_empty() {
        return Err(Problem::invalid_field(&faults));
    }
    let world = whole_seconds(api.clock.world());
    let id: WebhookId = api.new_id(world)?;
    let new = WebhookRecord {
        id,
        url: body.url.into(),
        types: body.types.iter().map(|own| own.0.clone()).collect(),
        brand,
        description: body.description.map(Into::into),
        secrets: vec![new_secret(api, id, world)?],
        status: WebhookStatus::Enabled,
        created_at: world,
        by: call.request.by,
    };
    let (_, zone) = api.engine.programme().currency_and_zone()?;
    let answer = Answer::new(201, &shown(zone, &new)).kept();

    let told = api.engine.webhooks().add(&call.request.on(shown_id(id)), &new, answer).await?;

    with_secret(api, told).await
}

/// As an instant is shown, and read again.
fn whole_seconds(at: Instant) -> Instant {
    Instant(at.0 - at.0.rem_euclid(1_000))
}

async fn changed(api: &Api, call: &Call, change: impl Fn(&mut WebhookRecord)) -> Result<Told, Problem> {
    let reach = reach(call)?;
    let id = named(call)?;
    let (_, zone) = api.engine.programme().currency_and_zone()?;
    let tell = |own: &WebhookRecord| Answer::new(200, &shown(zone, own)).kept();
    let told =
        api.engine.webhooks().change(&call.request, id, |own| reaches(reach, own), change, tell).await?;
    told.map_err(|NoSuchWebhook| not_found())
}

async fn change(api: &Api, call: &Call, body: ChangeWebhook) -> Result<Answer, Problem> {
    found(api, call).await?;
    let faults = faults(api, body.url.as_deref(), body.types.as_deref());
    if !faults.is_empty() {
        return Err(Problem::invalid_field(&faults));
    }
    let told = changed(api, call, |own| {
        if let Some(url) = &body.url {
            own.url.clone_from(&url.0);
        }
        if let Some(types) = &body.types {
            own.types = types.iter().map(|own| own.0.clone()).collect();
        }
        match &body.description {
            Change::Keep => {}
            Change::Remove => own.description = None,
            Change::To(text) => own.description = Some(text.0.clone()),
        }
    });
    Ok(told.await?.into())
}

async fn remove(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let reach = reach(call)?;
    let id = named(call)?;
    let (_, zone) = api.engine.programme().currency_and_zone()?;
    let tell = |own: &WebhookRecord| Answer::new(200, &shown(zone, own)).kept();

    let told = api.engine.webhooks().remove(&call.request, id, |own| reaches(reach, own), tell).await?;

    Ok(told.map_err(|NoSuchWebhook| not_found())?.into())
}

async fn rotate(api: &Api, call: &Call, _: RotateWebhook) -> Result<Answer, Problem> {
    let id = found(api, call).await?.id;
    let world = whole_seconds(api.clock.world());
    let secret = new_secret(api, id, world)?;

    let told = changed(api, call, |own| {
        // Never the moment of another, of a request at the same time either: the answer names it by that.
        let after = own.secrets.iter().map(|old| old.made_at.plus_millis(1_000)).max();
        let made_at = after.map_or(world, |after| after.max(world));
        for old in &mut own.secrets {
            old.until = old.until.or(Some(world.plus_millis(BOTH_MILLIS)));
        }
        own.secrets.retain(|old| old.until.is_none_or(|until| world < until));
        let many = (own.secrets.len() + 1).saturating_sub(SECRETS_MAX);
        own.secrets.drain(..many);
        own.secrets.push(WebhookSecret { made_at, ..secret.clone() });
    });

    with_secret(api, told.await?).await
}

async fn test(api: &Api, call: &Call, _: TestWebhook) -> Result<Answer, Problem> {
    let own = found(api, call).await?;
    let tie = api.chance.bytes()?;
    let tell = |event| Answer::new(202, &TestSent { event_id: Ulid(event) }).kept();

    let world = api.clock.world();
    let told = api.engine.webhooks().test(&call.request, &own, world, tie, tell).await?;

    Ok(told.into())
}

async fn enable(api: &Api, call: &Call, _: EnableWebhook) -> Result<Answer, Problem> {
    let reach = reach(call)?;
    let id = named(call)?;
    let (_, zone) = api.engine.programme().currency_and_zone()?;
    let tell = |own: &WebhookRecord| Answer::new(200, &shown(zone, own)).kept();

    let told = api.engine.webhooks().enable(&call.request, id, |own| reaches(reach, own), tell).await?;

    Ok(told.map_err(|NoSuchWebhook| not_found())?.into())
}
