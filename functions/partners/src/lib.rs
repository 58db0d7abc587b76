//! `/partners`: what a brand buys, and what it has used of what it may.

mod blocks;
mod usage;

use edge::Function;

/// The function.
pub static FUNCTION: Function =
    Function { name: "partners", routes: &[usage::GET, blocks::BUY, blocks::LIST_ROUTE] };
