//! Every function there is.

use edge::Function;

/// Every function, in the order in which a newcomer meets them.
pub const FUNCTIONS: &[&Function] = &[
    &register::FUNCTION,
    &members::FUNCTION,
    &earn_points::FUNCTION,
    &redeem::FUNCTION,
    &reverse::FUNCTION,
    &adjust::FUNCTION,
    &issue_badge::FUNCTION,
    &evaluate_tier::FUNCTION,
    &expire_points::FUNCTION,
    &settle::FUNCTION,
    &settle::SETTLEMENTS,
    &partners::FUNCTION,
    &program::FUNCTION,
    &keys::FUNCTION,
    &link::FUNCTION,
];
