//! A commit as DynamoDB takes it: one conditional write, or one transaction.
//!
//! A lone write costs half of what it costs in a transaction, so it is sent alone if it can only ever be
//! applied once. A put that succeeds although there is no record could be applied, deleted by another and
//! applied again when it is resubmitted, so it is a transaction of one, whose token DynamoDB knows for far
//! longer than a call goes on. A put with an end is never deleted before that, which is far off, so it may go
//! alone: what a second attempt then meets is what the first one wrote, and its version tells.
//!
//! Every write is conditional, even one that expects nothing: it must find no later version than its own. So
//! a version grows with every write of a record whatever the machines' clocks say, and a request that arrives
//! twice cannot undo what others wrote in between.

use aws_sdk_dynamodb::{
    Client,
    error::BuildError,
    operation::{
        delete_item::{DeleteItemError, builders::DeleteItemFluentBuilder},
        put_item::{PutItemError, builders::PutItemFluentBuilder},
        transact_write_items::{TransactWriteItemsError, builders::TransactWriteItemsFluentBuilder},
    },
    types::{
        AttributeValue, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure as Returned,
        TransactWriteItem,
    },
};
use engine::store::{Change, Expect, Instant, Manner, Version, Write};

use crate::{
    error::{Cause, Failure, cancelled, classify},
    item::{self, Attributes},
    version::token,
};

/// Why an attempt did not succeed.
#[derive(Clone, Debug)]
pub(crate) enum Rejected {
    /// Conditions did not hold, and nothing was written by this attempt.
    Conditions(Vec<Held>),
    /// Something else.
    Failed(Failure),
}

/// A record whose condition failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Held {
    /// Which of the writes.
    pub(crate) at: usize,
    /// What DynamoDB found; `None` if there is no such record.
    pub(crate) version: Option<Version>,
}

/// A commit ready to be sent, as often as necessary: always the same bytes under the same token.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Put(PutItemFluentBuilder),
    Delete(DeleteItemFluentBuilder),
    Transaction(TransactWriteItemsFluentBuilder),
}

/// How writes are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    /// Which version they get.
    pub(crate) version: Version,
    pub(crate) manner: Manner,
    /// When the record ends.
    pub(crate) until: Option<Instant>,
}

/// A condition: the expression, and the value of `:e` in it if it has one.
type Condition = (&'static str, Option<AttributeValue>);

fn condition(expect: Expect, own: Version) -> Condition {
    match expect {
        Expect::Absent => ("attribute_not_exists(k)", None),
        Expect::Version(version) => ("n = :e", Some(item::number(version))),
        Expect::Anything => ("attribute_not_exists(k) OR n < :e", Some(item::number(own))),
    }
}

/// Whether a write that is a whole commit is sent outside a transaction.
pub(crate) fn alone(write: &Write) -> bool {
    match write.change {
        Change::Put(_) => matches!(write.expect, Expect::Version(_)),
        Change::Delete => true,
        Change::Nothing => false,
    }
}

impl Request {
    /// The request for these writes, of which a lone one changes something; only a lone put has an end.
    pub(crate) fn new(client: &Client, table: &str, writes: &[Write], how: How) -> Result<Request, Cause> {
        let How { version, manner, until } = how;
        let [write] = writes else {
            return transaction(client, table, writes, version, manner);
        };
        if until.is_none() && !alone(write) {
            return transaction(client, table, writes, version, manner);
        }
        let (expression, value) = condition(write.expect, version);
        match &write.change {
            Change::Put(bytes) => {
                let put = client.put_item().table_name(table).condition_expression(expression);
                let put = put.return_values_on_condition_check_failure(Returned::AllOld);
                let put = put.set_expression_attribute_values(value.map(values));
                let mut item = item::whole(&write.key, bytes, version, manner);
                item.extend(until.map(|until| (item::END.to_owned(), item::end(until))));
                Ok(Request::Put(put.set_item(Some(item))))
            }
            Change::Delete => {
                let delete = client.delete_item().table_name(table).condition_expression(expression);
                let delete = delete.return_values_on_condition_check_failure(Returned::AllOld);
                let delete = delete.set_expression_attribute_values(value.map(values));
                Ok(Request::Delete(delete.set_key(Some(item::primary(&write.key)))))
            }
            Change::Nothing => transaction(client, table, writes, version, manner),
        }
    }

    /// Sends it once.
    pub(crate) async fn send(&self) -> Result<(), Rejected> {
        match self.clone() {
            Request::Put(put) => match put.send().await {
                Ok(_) => Ok(()),
                Err(error) => Err(match error.as_service_error() {
                    Some(PutItemError::ConditionalCheckFailedException(failed)) => one(failed.item()),
                    _ => Rejected::Failed(classify(&error)),
                }),
            },
            Request::Delete(delete) => match delete.send().await {
                Ok(_) => Ok(()),
                Err(error) => Err(match error.as_service_error() {
                    Some(DeleteItemError::ConditionalCheckFailedException(failed)) => one(failed.item()),
                    _ => Rejected::Failed(classify(&error)),
                }),
            },
            Request::Transaction(transaction) => match transaction.send().await {
                Ok(_) => Ok(()),
                Err(error) => Err(match error.as_service_error() {
                    Some(TransactWriteItemsError::TransactionCanceledException(why)) => {
                        reasons(why.cancellation_reasons())
                    }
                    _ => Rejected::Failed(classify(&error)),
                }),
            },
        }
    }
}

/// The condition of a lone write failed.
fn one(found: Option<&Attributes>) -> Rejected {
    Rejected::Conditions(vec![Held { at: 0, version: found.and_then(item::version) }])
}

/// The reasons of a cancelled transaction: one for each write, in order.
fn reasons(reasons: &[aws_sdk_dynamodb::types::CancellationReason]) -> Rejected {
    let codes = || reasons.iter().map(|reason| reason.code().unwrap_or("None"));
    let failed = codes().enumerate().filter(|(_, code)| *code == "ConditionalCheckFailed");
    let held: Vec<Held> =
        failed.map(|(at, _)| Held { at, version: reasons[at].item().and_then(item::version) }).collect();
    if held.is_empty() { Rejected::Failed(cancelled(codes())) } else { Rejected::Conditions(held) }
}

fn values(expected: AttributeValue) -> Attributes {
    Attributes::from([(":e".to_owned(), expected)])
}

fn transaction(
    client: &Client,
    table: &str,
    writes: &[Write],
    version: Version,
    manner: Manner,
) -> Result<Request, Cause> {
    let items: Result<Vec<_>, BuildError> =
        writes.iter().map(|write| transact_item(table, write, version, manner)).collect();
    let items = items.map_err(|error| Cause::new(error.to_string()))?;
    let request = client.transact_write_items().client_request_token(token());
    Ok(Request::Transaction(request.set_transact_items(Some(items))))
}

fn transact_item(
    table: &str,
    write: &Write,
    version: Version,
    manner: Manner,
) -> Result<TransactWriteItem, BuildError> {
    let (expression, value) = condition(write.expect, version);
    let value = value.map(values);
    let item = TransactWriteItem::builder();
    let item = match &write.change {
        Change::Put(bytes) => {
            let put = Put::builder().table_name(table).condition_expression(expression);
            let put = put.return_values_on_condition_check_failure(Returned::AllOld);
            let put = put.set_expression_attribute_values(value);
            item.put(put.set_item(Some(item::whole(&write.key, bytes, version, manner))).build()?)
        }
        Change::Delete => {
            let delete = Delete::builder().table_name(table).condition_expression(expression);
            let delete = delete.return_values_on_condition_check_failure(Returned::AllOld);
            let delete = delete.set_expression_attribute_values(value);
            item.delete(delete.set_key(Some(item::primary(&write.key))).build()?)
        }
        Change::Nothing => {
            let check = ConditionCheck::builder().table_name(table).condition_expression(expression);
            let check = check.return_values_on_condition_check_failure(Returned::AllOld);
            let check = check.set_expression_attribute_values(value);
            item.condition_check(check.set_key(Some(item::primary(&write.key))).build()?)
        }
    };
    Ok(item.build())
}
