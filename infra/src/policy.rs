//! What a function may do to the table, by the rooms of the data it names. The engine's table of kinds says
//! which records each room has.

use engine::store::kinds::Room;

/// How a function uses a room of the data. Every function reads all of them, because each request needs its
/// caller and a programme, and adds to [`Room::Access`], which records the requests that have been answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    /// Writes records. None is ever removed.
    Adds,
    /// Writes records and removes some: a settled member moves to another place in the due index, and ending
    /// a link deletes it.
    Changes,
    /// Looks at every record of the room, one after the other.
    Walks,
}

/// What every function may do to the table.
pub const READS: [&str; 3] = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"];

/// What a use of a room needs besides [`READS`]. `TransactWriteItems` needs only the permissions of its
/// parts.
fn takes(room: Room, how: Use) -> &'static [&'static str] {
    match (how, room) {
        // Whether a caller or a request may be written follows from its own record.
        (Use::Adds, Room::Access) => &["dynamodb:PutItem"],
        // A commit expects records that it does not write to be as they were read: the newest programme, a member.
        (Use::Adds, _) => &["dynamodb:ConditionCheckItem", "dynamodb:PutItem"],
        (Use::Changes, _) => &["dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:PutItem"],
        (Use::Walks, _) => &["dynamodb:Scan"],
    }
}

/// Every action on the table that these uses take: what each function may, then the others, each kind by its name.
pub(crate) fn actions(uses: &[(Room, Use)]) -> Vec<&'static str> {
    let all = ["dynamodb:Scan", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:PutItem"];
    let uses = || uses.iter().chain([&(Room::Access, Use::Adds)]);
    let taken = |action: &&str| uses().any(|(room, how)| takes(*room, *how).contains(action));
    READS.into_iter().chain(all.into_iter().filter(taken)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_may_what_its_rooms_take_and_no_more() {
        type Row = (&'static [(Room, Use)], &'static [&'static str]);
        let table: [Row; 5] = [
            (&[], &["PutItem"]),
            (&[(Room::Access, Use::Adds)], &["PutItem"]),
            (&[(Room::People, Use::Adds)], &["ConditionCheckItem", "PutItem"]),
            (&[(Room::Ledger, Use::Changes)], &["ConditionCheckItem", "DeleteItem", "PutItem"]),
            (
                &[(Room::Ledger, Use::Walks), (Room::Partners, Use::Adds)],
                &["Scan", "ConditionCheckItem", "PutItem"],
            ),
        ];
        for (uses, want) in table {
            let want: Vec<String> = want.iter().map(|action| format!("dynamodb:{action}")).collect();
            let actions = actions(uses);
            assert_eq!(actions[..3], READS, "{uses:?}");
            assert_eq!(actions[3..], want, "{uses:?}");
        }
    }
}
