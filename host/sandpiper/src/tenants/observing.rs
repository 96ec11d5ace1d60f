//! Says of each event which tenant it is about.

use std::sync::Arc;

use crate::observer::{Event, Observer};

/// Passes events on as those of a tenant.
pub(super) struct OfTenant {
    tenant: String,
    observer: Arc<dyn Observer>,
}

impl OfTenant {
    /// Of this tenant, to this observer.
    pub(super) fn new(tenant: &str, observer: Arc<dyn Observer>) -> Self {
        Self { tenant: tenant.to_owned(), observer }
    }
}

impl Observer for OfTenant {
    fn event(&self, event: &Event<'_>) {
        self.observer.event(&Event::OfTenant { tenant: &self.tenant, event });
    }
}
