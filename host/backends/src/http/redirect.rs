//! Redirects, where `redirects: same-origin` lets them be followed.

/// How many are followed for one request.
pub(crate) const MOST: u32 = 5;

/// Whether a status sends a reader elsewhere.
pub(crate) fn is_one(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}
