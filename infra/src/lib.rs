//! The one table of functions: what each may do to the data, and when each runs by itself.
//!
//! The server, the simulator, the walk over all routes and the SAM template take their functions from here
//! and from nowhere else. A function is a room, not a verb: a new route joins the function that shares its
//! data and its policy, and a new row is for data or a policy that no function has yet.

mod functions;
mod policy;
mod template;

pub use functions::{DEPLOYED, Deployed, FUNCTIONS, Limits, REQUEST, RUN, Reacts, Run, Schedule, When};
pub use policy::{READS, Use};
pub use template::template;
