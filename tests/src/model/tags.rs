//! Tags that are set by hand; those of a rule follow from the facts.

use super::Model;
use super::command::{Asked, Done, Told, Whom, refuse};
use super::draft::Draft;
use super::facts::Condition;
use smol_str::SmolStr;

/// A tag by hand, as sent. The model does not get it as JSON.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tag {
    /// Whose.
    pub member: Whom,
    /// Which.
    pub tag: SmolStr,
    /// Whether it is set, or taken away.
    pub add: bool,
}

impl Asked for Tag {
    fn whom(&self) -> Whom {
        self.member
    }

    fn decide(&self, draft: &mut Draft<'_>, _: &Model) -> Result<Told, Told> {
        draft.tag(self)
    }
}

impl Draft<'_> {
    fn tag(&mut self, sent: &Tag) -> Result<Told, Told> {
        if self.member.status == "closed" {
            return Err(refuse(409, "member_not_active"));
        }
        match self.program().tags.iter().find(|(id, _)| sent.tag == *id) {
            None => return Err(refuse(404, "tag_not_found")),
            Some((_, Condition::Never)) => {}
            Some(_) => return Err(refuse(422, "tag_has_rule")),
        }
        let has = self.member.tags.contains(&sent.tag);
        match (sent.add, has) {
            (true, false) => _ = self.member.tags.insert(sent.tag.clone()),
            (false, true) => _ = self.member.tags.remove(&sent.tag),
            (true, true) | (false, false) => {
                return Err(Told::Done(Box::new(Done::new(200, &self.member, None))));
            }
        }
        Ok(Told::Done(Box::new(Done::new(200, &self.member, None))))
    }
}
