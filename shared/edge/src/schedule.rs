//! Scheduled runs that no caller asks for: EventBridge Scheduler invokes the function itself, under
//! IAM's authority, with an event and no key.
//!
//! Such an event comes at least once and may come late, so a run only writes down what time has already made
//! true: late, twice, cut off or never, it changes no figure. The event's instant is the logical time; if
//! this machine's clock is behind the scheduler's, it is now. A run does as many bounded steps as fit before
//! `until` and says whether it finished; if not, its caller fails the event, so that it is sent again, and
//! the next run continues where this one stopped, because what was settled is no longer due.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use domain::json::Json;
use engine::{Request, records::By};
use serde_json::{Map, Value};

use crate::{Api, Call, Caller, Code, Function, Method, Problem, Role, Route, said::Said};

/// Sources of events from a schedule without an input of its own.
const ENVELOPES: [&str; 2] = ["aws.scheduler", "aws.events"];

impl Function {
    /// What a schedule runs: the function's own route, if a scheduler may call it.
    pub fn scheduled(&self) -> Option<&'static Route> {
        let own = |route: &&Route| route.path.is_empty() && route.method == Method::Post;
        self.routes.iter().find(own).filter(|route| route.access.admits(Role::Scheduler))
    }
}

impl Api {
    /// Runs the function as its schedule's event says, step by step until nothing is left to do or another
    /// step would not end by `until`; at least one step. Returns what all steps together did, including
    /// `done`.
    ///
    /// The event is one that a caller may send too (`{"as_of": …}`, `{}`), or the one of a schedule without
    /// an input, whose `time` counts.
    ///
    /// # Errors
    /// The function has no schedule, the event is of another shape, or the store failed: then what
    /// was done so far stays done.
    pub async fn run_schedule(
        &self,
        function: &Function,
        event: &Value,
        until: Instant,
    ) -> Result<Value, Problem> {
        let unscheduled =
            || Problem::saying(Code::Forbidden, "this function has no schedule: call it by its URL");
        let route = function.scheduled().ok_or_else(unscheduled)?;
        let body = self.scheduled_body(route, event)?;
        let said = Said::of(&body)?;
        self.freshen().await?;

        let roles = vec![Role::Scheduler];
        let name = String::new();
        let caller = Arc::new(Caller { by: By::Schedule, name, roles, brand: None, grant: None });
        let mut totals = Map::new();
        let mut longest = Duration::ZERO;
        loop {
            let began = Instant::now();
            let request = Request::plain(By::Schedule, self.clock.now());
            let (path, query, text) = (Vec::new(), Vec::new(), Bytes::new());
            let call = Call {
                caller: caller.clone(),
                path,
                query,
                body: body.clone(),
                said: said.clone(),
                text,
                if_match: None,
                request,
            };
            let answer = (route.handler)(self, &call).await?;
            add(&mut totals, &answer.body)?;
            longest = longest.max(began.elapsed());
            let done = totals.get("done").and_then(Value::as_bool);
            let done =
                done.ok_or_else(|| Problem::broken("a step does not say whether it came to the end"))?;
            if done || Instant::now() + longest * 2 > until {
                return Ok(Value::Object(totals));
            }
        }
    }

    /// The event as the route's body, with an instant that is not ahead of now.
    fn scheduled_body(&self, route: &Route, event: &Value) -> Result<Json, Problem> {
        let sent = match enveloped(event) {
            Some(time) => serde_json::json!({ (Said::AS_OF): time }),
            None => event.clone(),
        };
        let malformed = |error: serde_json::Error| Problem::saying(Code::MalformedJson, error.to_string());
        let mut body = Json::parse(sent.to_string().as_bytes()).map_err(malformed)?;
        let faults = route.body.as_ref().map_or(Vec::new(), |shape| shape.check(&body));
        if !faults.is_empty() {
            return Err(Problem::invalid_field(&faults));
        }
        if Said::of(&body)?.as_of.is_some_and(|as_of| as_of > self.clock.now())
            && let Json::Object(fields) = &mut body
        {
            // Without it, now is meant.
            fields.retain(|(name, _)| name != Said::AS_OF);
        }
        Ok(body)
    }
}

/// The time of an event that a schedule without an input of its own makes.
fn enveloped(event: &Value) -> Option<&Value> {
    let source = event.get("source")?.as_str()?;
    event.get("detail-type")?;
    event.get("time").filter(|_| ENVELOPES.contains(&source))
}

/// Adds a step's counts; other values are the last step's.
fn add(totals: &mut Map<String, Value>, body: &[u8]) -> Result<(), Problem> {
    let step: Option<Map<String, Value>> = serde_json::from_slice(body).ok();
    let step = step.ok_or_else(|| Problem::broken("a step's answer is no object"))?;
    for (name, value) in step {
        let before = totals.get(&name).and_then(Value::as_u64);
        let value = match (before, value.as_u64()) {
            (Some(before), Some(more)) => (before + more).into(),
            _ => value,
        };
        totals.insert(name, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_add_up() {
        let mut totals = Map::new();
        add(&mut totals, br#"{"as_of":"a","members":2000,"points_expired":7,"done":false}"#).unwrap();
        add(&mut totals, br#"{"as_of":"b","members":3,"points_expired":0,"done":true}"#).unwrap();
        let want = serde_json::json!({"as_of": "b", "members": 2003, "points_expired": 7, "done": true});
        assert_eq!(Value::Object(totals), want);
    }

    #[test]
    fn only_a_schedules_envelope_is_opened() {
        let event = |source: &str| serde_json::json!({"source": source, "detail-type": "Scheduled Event", "time": "t", "detail": "{}"});
        assert_eq!(enveloped(&event("aws.scheduler")), Some(&Value::from("t")));
        assert_eq!(enveloped(&event("aws.events")), Some(&Value::from("t")));
        assert_eq!(enveloped(&event("shop")), None);
        assert_eq!(enveloped(&serde_json::json!({"as_of": "t"})), None);
        assert_eq!(enveloped(&Value::Null), None);
    }
}
