//! A block of points.

use domain::{
    id::{BlockRef, BrandId},
    number::Money,
    time::Instant,
};

use super::{Stored, layout::layout};
use crate::store::id::ContentHash;

/// A block of points that a prepaid brand has bought.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockRecord {
    /// The brand.
    pub brand: BrandId,
    /// Its number among the brand's blocks, from 1: the order in which they are used.
    pub number: u32,
    /// The buyer's own name for it.
    pub reference: BlockRef,
    /// How many points.
    pub points: u64,
    /// What they cost together.
    pub price: Money,
    /// When it was bought.
    pub bought_at: Instant,
    /// The hash of the request's content.
    pub content: ContentHash,
}

impl Stored for BlockRecord {}

layout! { struct BlockRecord { brand, number, reference, points, price, bought_at, content } }
