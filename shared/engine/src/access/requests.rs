//! Requests: what accompanies every command, and what is remembered of answered requests.

use std::borrow::Cow;

use domain::{
    id::BrandId,
    member::{Member, MemberId},
    programme::{BrandKind, Timeline},
    time::Instant,
};

use crate::{
    access::{Access, staff::ByStaff},
    store::{
        Expect, Key, Write,
        error::{Error, until_settled},
        id::{AskedHash, ContentHash, RequestHash},
        keys,
        reading::Loaded,
        records::{Answer, By, Held, Remembered, RequestRecord},
        write::{put, still, unchanged},
    },
};

/// What accompanies every command.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who asks.
    pub by: By,
    /// The moment.
    pub now: Instant,
    /// The key under which it is remembered, if an idempotency key was sent.
    pub key: Option<RequestKey>,
    /// The hash of its content, to compare with when a natural key comes again.
    pub content: ContentHash,
    /// Whether to answer without writing.
    pub dry_run: bool,
    /// The one brand the caller acts for, if bound to one.
    pub brand: Option<BrandId>,
    /// Whether the caller reaches only the house's own brands.
    pub house: bool,
    /// Whether events may be any time ago (imports).
    pub any_age: bool,
    /// What the activity log notes of it, if staff change something by it.
    pub staff: Option<ByStaff>,
}

/// An idempotency key, and the request it is sent with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestKey {
    /// The hash of caller, function and key.
    pub hash: RequestHash,
    /// The hash of the whole request.
    pub asked: AskedHash,
}

impl RequestKey {
    /// Whether the request remembered under the key is this one, whose content has that hash.
    fn is_of(self, held: Held, content: ContentHash) -> bool {
        match held {
            Held::Content(known) => known == content,
            Held::Asked(known) => known == self.asked,
        }
    }
}

impl Request {
    /// A request of a caller who may do everything, without a key.
    pub fn plain(by: By, now: Instant) -> Request {
        Request {
            by,
            now,
            key: None,
            content: ContentHash::NONE,
            dry_run: false,
            brand: None,
            house: false,
            any_age: false,
            staff: None,
        }
    }

    /// Refuses the request if another one is remembered under its key.
    ///
    /// # Errors
    /// [`Error::KeyReused`].
    pub(crate) fn must_be(&self, known: &RequestRecord) -> Result<(), Error> {
        let own = self.key.is_some_and(|key| key.is_of(known.held, self.content));
        if own { Ok(()) } else { Err(Error::KeyReused) }
    }

    /// Whether what happened at that brand is within the caller's reach.
    pub(crate) fn reaches(&self, programmes: &Timeline, brand: Option<&BrandId>) -> bool {
        let partner = |brand: &BrandId| {
            let brand = programmes.newest().brand(brand);
            brand.is_some_and(|brand| brand.kind == BrandKind::Partner)
        };
        match &self.brand {
            Some(bound) => brand == Some(bound),
            None => !(self.house && brand.is_some_and(partner)),
        }
    }
}

/// An answer, and whether it was given before.
#[derive(Clone, Debug)]
pub struct Told {
    /// The answer.
    pub answer: Answer,
    /// Whether it repeats the first answer.
    pub replayed: bool,
}

impl Access {
    /// Now, if the moment is too old to write anything at it.
    pub(crate) fn later(&self, moment: Instant) -> Option<Instant> {
        self.watch.as_ref().and_then(|watch| watch.later(moment))
    }

    /// The request unchanged or, if its moment is too old by now, at a new one.
    pub(crate) fn renewed<'a>(&self, request: &'a Request) -> Cow<'a, Request> {
        match self.later(request.now) {
            Some(now) => Cow::Owned(Request { now, ..request.clone() }),
            None => Cow::Borrowed(request),
        }
    }

    /// What was done, or the answer that the request got meanwhile: its twin may have been faster, and be what refuses
    /// this one.
    ///
    /// # Errors
    /// Those of what was done, or the store failed.
    pub(crate) async fn or_remembered(
        &self,
        request: &Request,
        done: Result<Told, Error>,
    ) -> Result<Told, Error> {
        let Err(Error::Refused(refusal)) = done else { return done };
        match self.remembered(request).await? {
            Some(answer) => Ok(Told { answer, replayed: true }),
            None => Err(refusal.into()),
        }
    }

    /// The earlier answer to this request, if any.
    ///
    /// # Errors
    /// [`Error::KeyReused`] if the key belongs to another request; [`Error::AnswerErased`] if the answer was
    /// erased with its person.
    pub async fn remembered(&self, request: &Request) -> Result<Option<Answer>, Error> {
        let Some(key) = request.key else {
            return Ok(None);
        };
        let Some((record, _)) = self.records.read::<RequestRecord>(&keys::request(key.hash)).await? else {
            return Ok(None);
        };
        request.must_be(&record)?;
        match record.answer {
            Remembered::Whole(answer) => Ok(Some(answer)),
            Remembered::Personal(key) => match self.records.read::<Answer>(&Key::new(key)).await? {
                Some((answer, _)) => Ok(Some(answer)),
                None => Err(Error::AnswerErased),
            },
            Remembered::Entry(_) | Remembered::Nothing(_) => Err(Error::KeyReused),
        }
    }

    /// Whether the request was answered before under its key, whatever the answer follows from.
    ///
    /// # Errors
    /// [`Error::KeyReused`] if the key belongs to another request; or the store failed.
    pub async fn is_remembered(&self, request: &Request) -> Result<bool, Error> {
        let Some(key) = request.key else { return Ok(false) };
        let known = self.records.read::<RequestRecord>(&keys::request(key.hash)).await?;
        known.map_or(Ok(false), |(known, _)| request.must_be(&known).map(|()| true))
    }

    /// Remembers an answer without personal data under the request's key, in one commit with what
    /// it answers, and notes that, if staff changed something.
    ///
    /// # Errors
    /// The store failed, or another request was faster.
    pub(crate) async fn commit_told(
        &self,
        request: &Request,
        mut writes: Vec<Write>,
        answer: &Answer,
    ) -> Result<(), Error> {
        request.note(&mut writes);
        writes.extend(remember(request, Remembered::Whole(answer.clone())));
        if writes.is_empty() { Ok(()) } else { self.records.commit(writes).await }
    }

    /// Remembers an answer without personal data under the request's key, and returns the answer that stands:
    /// another one, if the key got an answer meanwhile.
    ///
    /// # Errors
    /// The store failed.
    pub async fn remember_answer(&self, request: &Request, answer: Answer) -> Result<Told, Error> {
        until_settled(|before| self.attempt_to_remember(request, &answer, before > 0)).await
    }

    async fn attempt_to_remember(
        &self,
        request: &Request,
        answer: &Answer,
        look: bool,
    ) -> Result<Told, Error> {
        if look && let Some(answer) = self.remembered(request).await? {
            return Ok(Told { answer, replayed: true });
        }
        self.commit_told(request, Vec::new(), answer).await?;
        Ok(Told { answer: answer.clone(), replayed: false })
    }
}

/// The write that remembers an answer under the request's key, if it has one.
pub(crate) fn remember(request: &Request, answer: Remembered) -> Option<Write> {
    let key = request.key?;
    let record = RequestRecord { held: Held::Asked(key.asked), at: request.now, answer };
    Some(put(keys::request(key.hash), unchanged(None), &record))
}

/// The condition under which an answer about a member is remembered that answers for other records too: that none of
/// these has been parted from it meanwhile, and perhaps erased. Whoever writes the member itself needs none.
pub(crate) fn answering(request: &Request, loaded: &Loaded) -> Option<Write> {
    let Member { id, absorbed, .. } = &loaded.record.member;
    let needed = request.key.is_some() && !absorbed.is_empty();
    needed.then(|| still(keys::member(*id), loaded.version))
}

/// The writes that remember an answer with personal data under the request's key, if it has one: it is kept with
/// the person, and goes with it. Whoever writes them also expects the person or the member's card as it was read, so
/// that none comes once the person is erased.
pub(crate) fn remember_with_person(
    request: &Request,
    member: MemberId,
    answer: &Answer,
) -> impl Iterator<Item = Write> {
    let kept = request.key.map(|key| keys::answer(member, key.hash));
    let named = kept.as_ref().and_then(|kept| {
        let kept = Remembered::Personal(kept.as_bytes().to_vec());
        remember(request, kept)
    });
    kept.map(|kept| put(kept, Expect::Anything, answer)).into_iter().chain(named)
}
