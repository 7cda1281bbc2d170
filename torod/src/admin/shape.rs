//! The forms of bodies, for the admin API's document. They are known where the feature `openapi` is on, as it is in tests, which write
//! and compare `web/openapi.json`; the daemon as it ships answers with that file and carries no forms: they are a megabyte of it.

#[cfg(feature = "openapi")]
mod known {
    use std::borrow::Cow;

    pub use utoipa::ToSchema as Described;
    use utoipa::openapi::{RefOr, Schema};

    /// The form of a body.
    #[derive(Clone, Copy)]
    pub struct Shape {
        /// Its name, where it has one of its own.
        pub name: fn() -> Cow<'static, str>,
        /// The form itself.
        pub schema: fn() -> RefOr<Schema>,
        /// The forms that it refers to.
        pub others: fn(&mut Vec<(String, RefOr<Schema>)>),
    }

    impl Shape {
        /// That of `T`.
        pub fn of<T: Described>() -> Self {
            Self { name: T::name, schema: T::schema, others: T::schemas }
        }
    }
}

#[cfg(not(feature = "openapi"))]
mod known {
    /// What a form could be known of.
    pub trait Described {}

    impl<T> Described for T {}

    /// That there is a body.
    #[derive(Clone, Copy)]
    pub struct Shape;

    impl Shape {
        /// That of `T`.
        pub fn of<T: Described>() -> Self {
            Self
        }
    }
}

pub use known::{Described, Shape};

/// An object whose form is not ours.
macro_rules! free_form {
    ($name:ident, $meaning:literal) => {
        #[doc = $meaning]
        pub(super) struct $name;

        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                let any = utoipa::openapi::schema::AdditionalProperties::FreeForm(true);
                let object = utoipa::openapi::ObjectBuilder::new().additional_properties(Some(any));
                object.description(Some($meaning)).into()
            }
        }

        #[cfg(feature = "openapi")]
        impl Described for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
        }
    };
}

free_form!(ClientRequest, "A request as clients send it, in any protocol.");
free_form!(Document, "An `OpenAPI` 3.1 document.");
