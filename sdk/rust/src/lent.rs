//! How a handle that the host lends for one call becomes a reference to a type of this library.

/// Implements `lent` for a `repr(transparent)` type around one resource of the bindings. A change is lent a
/// reference, and opens further systems as owned values; both are then one type to an author, without a
/// lifetime to write.
macro_rules! lent {
    ($type:ty, $resource:path) => {
        impl $type {
            #[doc(hidden)]
            pub fn lent(resource: &$resource) -> &Self {
                let pointer = std::ptr::from_ref(resource).cast::<Self>();
                // SAFETY: the type is `repr(transparent)` around the resource (`resource` below fails to
                // compile when it is not), and the reference lives no longer than the one that it is made
                // from.
                unsafe { &*pointer }
            }

            /// The resource of the bindings.
            #[doc(hidden)]
            pub fn resource(&self) -> &$resource {
                &self.0
            }
        }
    };
}

pub(crate) use lent;
