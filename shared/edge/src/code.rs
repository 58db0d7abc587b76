//! Every stable code of a problem, as data: its status, its words, whether the same request may be sent
//! again, whether anything was written, and who sees the data beside it.
//!
//! A published code is never renamed, and its status never changes. The table in `docs/API.md` is generated
//! from this one.

/// Whether the same request may be sent again, without a change to it or to what it is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Repeat {
    /// It would be refused again.
    No,
    /// It may be sent again as it is.
    Yes,
    /// It may be sent again after `Retry-After`.
    Later,
}

/// Whether anything was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Written {
    /// Nothing was, except what time alone had made true.
    Nothing,
    /// It may have been: the same request under the same key gets the result, or is done then.
    Perhaps,
}

/// The data beside a code: its fields, for the documentation, and who sees them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Data {
    /// There is none.
    None,
    /// It belongs to the request, the brand or the programme: every caller sees it.
    Plain(&'static str),
    /// It is the member's balance: a partner sees it if the programme says so.
    Balance(&'static str),
    /// It may reveal something about the member: a partner does not see it, nor the words for it.
    Member(&'static str),
    /// It reveals something about other members: only staff see it.
    Staff(&'static str),
}

impl Data {
    /// The fields, in words.
    pub const fn fields(self) -> &'static str {
        match self {
            Data::None => "",
            Data::Plain(fields) | Data::Balance(fields) | Data::Member(fields) | Data::Staff(fields) => {
                fields
            }
        }
    }
}

/// A row of the table.
struct About {
    status: u16,
    word: &'static str,
    words: &'static str,
    means: &'static str,
    repeat: Repeat,
    written: Written,
    data: Data,
}

macro_rules! codes {
    ($($(#[doc = $means:literal])+ $code:ident $status:literal $word:literal $words:literal $repeat:ident $written:ident $data:expr;)+) => {
        /// A stable code: what callers branch on.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Code {
            $($(#[doc = $means])+ $code,)+
        }

        impl Code {
            /// Every code, by status.
            pub const ALL: &'static [Code] = &[$(Code::$code,)+];

            const fn about(self) -> About {
                match self {
                    $(Code::$code => About {
                        status: $status,
                        word: $word,
                        words: $words,
                        means: concat!($($means),+),
                        repeat: Repeat::$repeat,
                        written: Written::$written,
                        data: $data,
                    },)+
                }
            }
        }
    };
}

codes! {
    /// the body is not JSON, holds a name twice, is nested too deeply (128), or broke off
    MalformedJson 400 "malformed_json" "the body is not JSON" No Nothing Data::None;
    /// the bytes are no HTTP/1.1 request
    MalformedRequest 400 "malformed_request" "this is no HTTP/1.1 request" No Nothing Data::None;
    /// no key, or one that is unknown or revoked
    Unauthenticated 401 "unauthenticated" "Authorization: Bearer <key> is needed" No Nothing Data::None;
    /// the signature does not hold, was used before, or is not by a live key; it is not said which
    SignatureInvalid 401 "signature_invalid" "the signature of the request does not hold" No Nothing Data::None;
    /// the key's roles or its brand do not allow it
    Forbidden 403 "forbidden" "the key does not allow this" No Nothing Data::None;
    /// no such function or path
    NotFound 404 "not_found" "nothing answers here" No Nothing Data::None;
    /// there is none, or none of your brand's
    MemberNotFound 404 "member_not_found" "no such member" No Nothing Data::None;
    /// there is none, or none of your brand's
    OrderNotFound 404 "order_not_found" "no such order at this brand" No Nothing Data::None;
    /// there is none, or none of your brand's
    RedemptionNotFound 404 "redemption_not_found" "no such redemption" No Nothing Data::None;
    /// there is none, or none of your brand's
    KeyNotFound 404 "key_not_found" "no such caller" No Nothing Data::None;
    /// there is none, or none of your brand's
    WebhookNotFound 404 "webhook_not_found" "no such webhook" No Nothing Data::None;
    /// that event was not sent to the webhook within the last 30 days
    EventNotFound 404 "event_not_found" "no such event was sent to this webhook" No Nothing Data::None;
    /// the month is not closed, or nothing was settled with that brand
    SettlementNotFound 404 "settlement_not_found" "no such closed settlement" No Nothing Data::None;
    /// the programme has none of that id; for a link code, no partner
    BrandNotFound 404 "brand_not_found" "no such brand in the programme" No Nothing Data::None;
    /// the programme has none of that id
    BadgeNotFound 404 "badge_not_found" "no such badge in the programme, or the member has it not" No Nothing Data::None;
    /// the programme has none of that id
    ActivityNotFound 404 "activity_not_found" "no such activity in the programme, or it was not done under that reference" No Nothing Data::None;
    /// no such code: unknown, another brand's, used, expired, or of a member who is not active; it is not told which
    LinkCodeNotFound 404 "link_code_not_found" "no such code, or it can no longer be used" No Nothing Data::None;
    /// the member was never linked with that brand
    LinkNotFound 404 "link_not_found" "no such link of this member" No Nothing Data::None;
    /// of a card's code: wrong, too old, of a card that was replaced, or of nobody; of a `scan_id`: of another brand, or older than 10 minutes; it is not told which
    CardTokenInvalid 404 "card_token_invalid" "the card's code is wrong or too old; scan it again" No Nothing Data::None;
    /// no merge of that id into this member
    MergeNotFound 404 "merge_not_found" "no such merge into this member" No Nothing Data::None;
    /// there is none, or the programme has no referral
    ReferralNotFound 404 "referral_not_found" "no such referral, or the programme has none" No Nothing Data::None;
    /// none was saved under that id, or it has no such version
    OfferNotFound 404 "offer_not_found" "no such offer, or no such version of it" No Nothing Data::None;
    /// there is none, or none of your brand's
    GrantNotFound 404 "grant_not_found" "no such grant" No Nothing Data::None;
    /// there is none, or none of your brand's
    UseNotFound 404 "use_not_found" "no such use" No Nothing Data::None;
    /// the programme has none of that id
    TagNotFound 404 "tag_not_found" "no such tag in the programme" No Nothing Data::None;
    /// the member has none of that id
    IdentityNotFound 404 "identity_not_found" "no such identity of this member" No Nothing Data::None;
    /// see the `Allow` header
    MethodNotAllowed 405 "method_not_allowed" "another method answers here; see Allow" No Nothing Data::None;
    /// the body took longer than 30 seconds
    RequestTimeout 408 "request_timeout" "the body did not arrive in time" Yes Nothing Data::None;
    /// fewer points can be spent
    InsufficientPoints 409 "insufficient_points" "fewer points can be spent" No Nothing Data::Balance("`available`, `debt`");
    /// recorded before with other content, or not the next revision of its order
    OrderConflict 409 "order_conflict" "it was recorded before with other content; nothing has changed" No Nothing Data::Plain("`revision`, of an order: the number of its newest telling, 0 if there is none");
    /// the order is told again, and refunds have left nothing of it
    OrderRefunded 409 "order_refunded" "refunds have left nothing of the order" No Nothing Data::Plain("`revision`, the number of its newest telling");
    /// nobody is to look at it any more; `state` is its state
    ReferralDecided 409 "referral_decided" "the referral is not one to be looked at" No Nothing Data::Plain("state");
    /// the redemption, the use or the grant was cancelled
    AlreadyCancelled 409 "already_cancelled" "the redemption, the use or the grant was cancelled" No Nothing Data::None;
    /// more is asked back than remains
    OverRefund 409 "over_refund" "more is asked back than remains" No Nothing Data::Plain("`remaining`: an amount, units by line, or points");
    /// the order has been refunded 200 times, or told 200 times
    TooManyRefunds 409 "too_many_refunds" "the order has been refunded or told 200 times" No Nothing Data::None;
    /// done as often as it may be
    ActivityLimit 409 "activity_limit" "the activity was done as often as it may be" No Nothing Data::None;
    /// the brand would issue or honour more than it may
    BrandLimit 409 "brand_limit" "the brand's limit leaves fewer points" No Nothing Data::Plain("`limit`, such as `{\"per\": \"day\", \"issue\": 50000}`; `left`");
    /// the prepaid brand's blocks hold fewer points
    BlockExhausted 409 "block_exhausted" "the brand's blocks hold fewer points" No Nothing Data::Plain("`left`, points");
    /// the postpaid brand would owe more than its credit
    CreditExhausted 409 "credit_exhausted" "the brand's credit leaves less" No Nothing Data::Plain("`left`, an amount");
    /// a block was bought under that reference, with other content
    BlockConflict 409 "block_conflict" "a block was bought under that reference with other content; nothing has changed" No Nothing Data::None;
    /// points were spent with that very code; the card shows the next one within 30 seconds
    CardTokenUsed 409 "card_token_used" "the card's code was used; wait for the next one" No Nothing Data::None;
    /// suspended, closed or erased
    MemberNotActive 409 "member_not_active" "the member is not active" No Nothing Data::Member("`member_status`");
    /// the record was merged into another member, which answers for it
    MemberMerged 409 "member_merged" "the member was merged into another" No Nothing Data::Staff("`merged_into`, for admins and operators");
    /// one of the two was erased, or the member itself merged into another; it was merged more than 90 days ago, or undone before
    UnmergeRefused 409 "unmerge_refused" "the merge cannot be undone" No Nothing Data::None;
    /// the month ended less than 15 minutes ago, or has not ended
    MonthNotEnded 409 "month_not_ended" "a month can be settled from 15 minutes after its end on" No Nothing Data::Plain("`from`: when it can be closed");
    /// the programme says who may register (`registration.eligible`), and this person may not
    NotAdmitted 409 "not_admitted" "the programme does not take this person as a member" No Nothing Data::None;
    /// unknown, used, over, or of another identity or purpose; it is not said which. Codes are not sent yet, so none is good
    ProofInvalid 409 "proof_invalid" "the proof is not good for this" No Nothing Data::None;
    /// it is the only one
    LastIdentity 409 "last_identity" "it is the member's last identity" No Nothing Data::None;
    /// an identity is another member's, or several are different members'
    IdentityConflict 409 "identity_conflict" "an identity belongs to another member" No Nothing Data::Staff("`members`, for admins and operators");
    /// two keys of the partner are live
    TooManyKeys 409 "too_many_keys" "two keys of this partner are live; revoke one first" No Nothing Data::None;
    /// somebody else saved a version meanwhile
    ProgramConflict 409 "program_conflict" "the programme has changed meanwhile" No Nothing Data::Plain("`version`, the newest; `by` and `at`: who saved it, and when");
    /// of an offer: the newest version is not the one that the document says it is based on
    OfferConflict 409 "version_conflict" "the offer has changed meanwhile; nothing was written" No Nothing Data::Plain("`version`, the newest, 0 if there is none; `by` and `at`: who saved it, and when");
    /// the member is not of the offer's audience
    NotEligible 409 "not_eligible" "the offer is not for this member" No Nothing Data::None;
    /// the member has as many of the offer as it may have in this window
    MemberLimit 409 "member_limit" "the member may have no more of the offer now" No Nothing Data::Member("`next_at`: when the next window begins, or null");
    /// the offer cannot be had now: its `when` is closed, it is suspended, or its issuing has ended
    OfferNotOpen 409 "offer_not_open" "the offer is not open" No Nothing Data::Plain("`opens_at`: its next opening within 400 days, or null");
    /// fewer of the offer are left than are asked for, in all or today
    SoldOut 409 "sold_out" "the offer is sold out" No Nothing Data::None;
    /// the purchase costs something else than `points`
    PriceChanged 409 "price_changed" "the price is another one" No Nothing Data::Member("`points`: what it costs this member");
    /// that `claim_id` or `issue_id` was used before, for something else
    IdConflict 409 "id_conflict" "it was asked under that id before with other content; nothing has changed" No Nothing Data::None;
    /// the grant is in a state in which this cannot be done
    GrantNotUsable 409 "grant_not_usable" "the grant cannot be used so" No Nothing Data::Plain("`reason`: its state, or `used`; of a use `reasons`: what would not apply, as in the answer");
    /// the order has lines that are not sold to this member yet
    LineBlocked 409 "line_blocked" "a line is not sold to this member yet" No Nothing Data::Plain("`lines`: those that are blocked, as in the answer");
    /// what was set aside for this order or use is free again; with `retake` it is taken anew
    HoldExpired 409 "hold_expired" "the hold has ended" No Nothing Data::None;
    /// the quote is older than 15 minutes
    QuoteExpired 409 "quote_expired" "the quote is no longer good" No Nothing Data::None;
    /// what `If-Match` names is not as the member is now
    VersionConflict 412 "version_conflict" "the member has changed since it was read; nothing was written" No Nothing Data::Plain("`by` and `at`: who changed it last, and when; null before a change was recorded");
    /// over 256 KiB (of `PUT /program` over 1 MiB), or a path and query over 8 KiB
    BodyTooLarge 413 "body_too_large" "at most 262144 bytes" No Nothing Data::None;
    /// the target has more than 65,534 bytes
    UriTooLong 414 "uri_too_long" "the path and query are too long" No Nothing Data::None;
    /// `Content-Type` is not JSON
    UnsupportedMediaType 415 "unsupported_media_type" "Content-Type: application/json is needed" No Nothing Data::None;
    /// fields are wrong: all whose form is, up to 100; where no form is wrong, all that mean nothing (a number that is no telephone number, digits the currency does not have); where none is, all that do not fit together
    InvalidField 422 "invalid_field" "fields of the request are wrong; see errors" No Nothing Data::Plain("`errors`");
    /// the programme has faults: all of them
    InvalidProgram 422 "invalid_program" "the programme has faults; see errors" No Nothing Data::Plain("`errors`");
    /// the offer has faults: all of them
    InvalidOffer 422 "invalid_offer" "the offer has faults; see errors" No Nothing Data::Plain("`errors`");
    /// more than 5 minutes ahead
    OccurredInFuture 422 "occurred_in_future" "occurred_at is more than 5 minutes ahead" No Nothing Data::None;
    /// further back than allowed
    OccurredTooLongAgo 422 "occurred_too_long_ago" "occurred_at is further back than allowed" No Nothing Data::Plain("`late_days`, or of a redemption `redeem_late_hours`");
    /// an order's `currency` is not the programme's
    CurrencyMismatch 422 "currency_mismatch" "the order is not in the programme's currency" No Nothing Data::Plain("`currency`");
    /// a figure, a line of a settlement too, would pass 2^53 − 1, or a member 1,000 lots, 20 identities, 20 channels of consent or 20 link codes at once, or a brand its blocks, or the programme 20 webhooks or a brand 5; see the limits in [RULES.md](RULES.md#limits)
    LimitExceeded 422 "limit_exceeded" "a limit would be passed" No Nothing Data::Member("`limit`");
    /// the best coupons are to be chosen among more than 12 that could be used: name some
    TooManyChoices 422 "too_many_choices" "too many coupons to choose among" No Nothing Data::Member("`choices`: how many");
    /// the tag has a `when` in the programme, from which it follows
    TagHasRule 422 "tag_has_rule" "the tag follows from a rule" No Nothing Data::None;
    /// nobody vouches for the identity, and the programme asks for it (`identities.require_proof`); or the caller is a member's token; or a shop would close a member who has not proved to want it
    ProofRequired 422 "proof_required" "a proof is missing" No Nothing Data::None;
    /// the key stands for another request
    IdempotencyKeyReused 422 "idempotency_key_reused" "the Idempotency-Key was used for another request" No Nothing Data::None;
    /// not a test server, not an instant, or earlier than its clock
    TestClockRefused 422 "test_clock_refused" "Test-Clock is an RFC 3339 instant" No Nothing Data::None;
    /// see [How often](#how-often); nothing was looked at
    TooManyRequests 429 "too_many_requests" "too many requests; see Retry-After" Later Nothing Data::None;
    /// over 64 KiB, or over 100 headers
    HeadTooLarge 431 "head_too_large" "the head has at most 64 KiB and 100 headers" No Nothing Data::None;
    /// something is wrong here, a stored record that cannot be read for one; the log says what
    Internal 500 "internal" "something is wrong on our side" Yes Perhaps Data::None;
    /// too much at once, or the store too slow to write within a minute
    Busy 503 "busy" "too much at once; nothing was written, try again" Later Nothing Data::None;
    /// the disk failed, or whether it was written cannot be looked up right now
    StoreUnavailable 503 "store_unavailable" "the store does not answer; try again with the same key" Later Perhaps Data::None;
    /// no programme has been saved
    NoProgram 503 "no_program" "no programme has been saved yet; PUT /program" Later Nothing Data::None;
}

impl Code {
    /// Its HTTP status, always the same.
    pub const fn status(self) -> u16 {
        self.about().status
    }

    /// The code as it is published.
    pub const fn word(self) -> &'static str {
        self.about().word
    }

    /// The words for people, unless there are more exact ones.
    pub const fn words(self) -> &'static str {
        self.about().words
    }

    /// What it means, for the documentation.
    pub fn means(self) -> &'static str {
        self.about().means.trim()
    }

    /// Whether the same request may be sent again.
    pub const fn repeat(self) -> Repeat {
        self.about().repeat
    }

    /// Whether anything was written.
    pub const fn written(self) -> Written {
        self.about().written
    }

    /// The data beside it, and who sees it.
    pub const fn data(self) -> Data {
        self.about().data
    }

    /// The code in words: its title.
    pub fn title(self) -> String {
        self.word().replace('_', " ")
    }

    /// The table of all codes, in Markdown.
    pub fn table() -> String {
        let mut table = "| status | `code` | means | data | the same again | written |\n".to_owned();
        table += "| --- | --- | --- | --- | --- | --- |\n";
        for code in Code::ALL {
            let again = match code.repeat() {
                Repeat::No => "",
                Repeat::Yes => "may be sent",
                Repeat::Later => "after `Retry-After`",
            };
            let written = match code.written() {
                Written::Nothing => "",
                Written::Perhaps => "perhaps: the same key tells",
            };
            let cells = [code.means(), code.data().fields(), again, written].join(" | ");
            table += &format!("| {} | `{}` | {cells} |\n", code.status(), code.word()).replace("  |", " |");
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Callers branch on the word, so each occurs once, as a word; and the list is in the order of statuses. One that
    /// two statuses share says the same of both: somebody else was faster.
    #[test]
    fn every_code_has_a_word_of_its_own() {
        let words: BTreeSet<_> = Code::ALL.iter().map(|code| (code.word(), code.status())).collect();
        assert_eq!(words.len(), Code::ALL.len());
        let alone = Code::ALL.iter().filter(|code| code.word() != "version_conflict");
        let words: BTreeSet<_> = alone.map(|code| code.word()).collect();
        assert_eq!(words.len() + 2, Code::ALL.len());
        for code in Code::ALL {
            let letters = code.word().bytes().all(|letter| letter.is_ascii_lowercase() || letter == b'_');
            assert!(letters && !code.words().is_empty() && !code.means().is_empty(), "{code:?}");
        }
        assert!(Code::ALL.is_sorted_by_key(|code| code.status()));
    }

    /// Whether to send a refused request again follows from its status, unless the outcome is unknown.
    #[test]
    fn a_refusal_writes_nothing_and_what_passes_says_when() {
        for code in Code::ALL {
            let later = matches!(code.status(), 429 | 503);
            assert_eq!(code.repeat() == Repeat::Later, later, "{code:?}: Retry-After");
            assert!(code.written() == Written::Nothing || code.status() >= 500, "{code:?}");
            assert!(code.written() == Written::Nothing || code.repeat() != Repeat::No, "{code:?}");
        }
    }
}
