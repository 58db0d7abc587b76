//! Webhooks for the walk and the siege.

use domain::time::Instant;
use engine::{
    id::WebhookId,
    records::{DeliveryRecord, DeliveryState},
};
use serde_json::{Value, json};

use super::{Walk, Who};

/// The brand whose webhook such a caller is to find: staff find staff's.
fn brand_for(who: Who) -> Option<&'static str> {
    (!matches!(who, Who::Admin | Who::Operator)).then_some("acme")
}

impl Walk {
    /// A webhook: staff's for staff, and the brand's for all others.
    pub(crate) async fn webhook(&self, who: Who) -> String {
        self.webhook_of(brand_for(who)).await
    }

    /// A webhook of that brand, or staff's.
    pub(crate) async fn webhook_of(&self, brand: Option<&str>) -> String {
        let body = json!({"url": "https://hooks.example.com/", "types": ["*"], "brand": brand});
        let id = self.shop.ok("POST", "/webhooks", body).await["id"].as_str().unwrap().to_owned();
        self.was_sent(edge::Ulid::parse(&id).unwrap().0).await;
        id
    }

    /// The same, when all others are gone.
    pub(super) async fn only_webhook(&self, who: Who) -> String {
        self.only_webhook_of(brand_for(who)).await
    }

    /// The webhook of that brand, or staff's, when all others are gone.
    pub(super) async fn only_webhook_of(&self, brand: Option<&str>) -> String {
        let all = self.shop.ok("GET", "/webhooks", Value::Null).await;
        for known in all["webhooks"].as_array().unwrap() {
            let path = format!("/webhooks/{}", known["id"].as_str().unwrap());
            self.shop.ok("DELETE", &path, Value::Null).await;
        }
        self.webhook_of(brand).await
    }

    /// Something was sent to the webhook, in the time that the rows ask for, and waits to be sent again.
    async fn was_sent(&self, webhook: WebhookId) {
        let at = Instant::parse("2026-01-01T12:00:00Z").unwrap();
        let source = engine::keys::happened(at, webhook.0);
        let record = DeliveryRecord {
            what: "webhook.test".to_owned(),
            source: source.as_bytes().to_vec(),
            at,
            state: DeliveryState::Failed,
            http: Some(500),
            error: Some("status".to_owned()),
            body: None,
            next_at: Some(Instant::parse("2099-01-01T00:00:00Z").unwrap()),
        };
        let event = engine::event_id(at, &source, domain::event::EventType::WebhookTest);
        let sent = engine::Sent { webhook, event, waited: None, attempt: 1, tried: 1, record };
        self.shop.api.engine.store().commit(sent.writes()).await.unwrap();
    }
}
