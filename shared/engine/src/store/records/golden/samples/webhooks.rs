//! Samples of what webhooks store.

use domain::id::BrandId;

use super::{AT, ID, LONG_AGO, Samples, bys, named, text, texts};
use crate::store::{
    id::WebhookId,
    records::{
        By, DeliveryRecord, DeliveryState, HappenedRecord, RetryRecord, WebhookRecord, WebhookSecret,
        WebhookStatus, WebhooksRecord,
    },
};

pub(in super::super) fn happened() -> Samples<HappenedRecord> {
    let plain = HappenedRecord {
        what: text("member.updated"),
        at: AT,
        by: By::Time,
        member: None,
        brand: None,
        about: Vec::new(),
        fields: Vec::new(),
    };
    let full = HappenedRecord {
        member: Some(ID),
        brand: Some(BrandId::of_checked("acme")),
        about: vec![(text("kind"), text("phone")), (text("名"), text(""))],
        fields: texts(&["profile.name", "consents.sms"]),
        ..plain.clone()
    };
    let bys = bys().map(|(name, by)| (name, HappenedRecord { by, ..plain.clone() }));
    named([("plain", plain), ("full", full)].into_iter().chain(bys))
}

fn webhook(status: WebhookStatus) -> WebhookRecord {
    WebhookRecord {
        id: WebhookId([7; 16]),
        url: text("https://hooks.example.com/laurel"),
        types: texts(&["points.*", "tier.changed"]),
        brand: None,
        description: None,
        secrets: Vec::new(),
        status,
        created_at: AT,
        by: By::Time,
    }
}

pub(in super::super) fn webhooks() -> Samples<WebhooksRecord> {
    let enabled = webhook(WebhookStatus::Enabled);
    let disabled = WebhookRecord {
        brand: Some(BrandId::of_checked("bean")),
        description: Some(text("收银")),
        secrets: vec![
            WebhookSecret { sealed: vec![1; 65], made_at: LONG_AGO, until: Some(AT) },
            WebhookSecret { sealed: vec![0xff], made_at: AT, until: None },
        ],
        ..webhook(WebhookStatus::Disabled { at: AT, why: text("gone") })
    };
    named([
        ("none", WebhooksRecord::default()),
        ("one", WebhooksRecord { webhooks: vec![enabled.clone()] }),
        ("two", WebhooksRecord { webhooks: vec![enabled, disabled] }),
    ])
}

fn source() -> Vec<u8> {
    b"oacme\0A-1".to_vec()
}

pub(in super::super) fn delivery() -> Samples<DeliveryRecord> {
    let of = |state: DeliveryState| DeliveryRecord {
        what: text("points.earned"),
        source: source(),
        at: AT,
        state,
        http: None,
        error: None,
        body: None,
        next_at: None,
    };
    let ok = DeliveryRecord { http: Some(204), ..of(DeliveryState::Ok) };
    let failed = DeliveryRecord {
        http: Some(500),
        error: Some(text("status")),
        body: Some(text("噢")),
        next_at: Some(LONG_AGO),
        ..of(DeliveryState::Failed)
    };
    named([("ok", ok), ("failed", failed), ("pending", of(DeliveryState::Pending))])
}

pub(in super::super) fn retry() -> Samples<RetryRecord> {
    let of = |attempt, tried| RetryRecord { what: text("tier.changed"), source: source(), attempt, tried };
    named([("first", of(1, 0)), ("late", of(u32::MAX, 9))])
}
