//! What the tokens of a field's type tell: the derive sees no more of a type than its spelling.

use std::fmt::{self, Display, Formatter};
use syn::visit::Visit;
use syn::{GenericArgument, Lifetime, PathArguments, Type, TypeReference};

/// What kind of value a type holds, as far as its name tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Integer,
    Float,
    Decimal,
    Text,
    Bool,
    Bytes,
    /// Whatever the type is, it is stored as JSON.
    Document,
    Time(Clock),
    /// A type of the user's, or an alias.
    Unknown,
}

/// The form in which sqlx writes a time type on SQLite, where times are text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Clock {
    /// An instant, as chrono's `DateTime<Utc>` is written.
    Instant,
    /// An instant of the `time` crate.
    OffsetDateTime,
    /// Date and time without a zone.
    Local,
    Date,
    Time,
    /// Whole seconds since 1970.
    Seconds,
}

/// `T` of an `Option<T>`.
pub(crate) fn option_inner(ty: &Type) -> Option<&Type> {
    argument_of("Option", ty)
}

/// The last name of a type's path: `DateTime` of `chrono::DateTime<Utc>`.
pub(crate) fn last_name(ty: &Type) -> Option<String> {
    let Type::Path(path) = peel(ty) else {
        return None;
    };
    let last = path.path.segments.last()?;
    Some(last.ident.to_string())
}

/// The first type argument of the type called `name`.
pub(crate) fn argument_of<'a>(name: &str, ty: &'a Type) -> Option<&'a Type> {
    let Type::Path(path) = peel(ty) else {
        return None;
    };
    let last = path.path.segments.last()?;
    if last.ident != name {
        return None;
    }
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    match arguments.args.first()? {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    }
}

/// `T` of a `Patch<T>`.
pub(crate) fn patch_inner(ty: &Type) -> Option<&Type> {
    argument_of("Patch", ty)
}

/// Whether SQLite stores the type as a text whose order is not that of the instants: the `time` crate trims digits, and an
/// offset other than UTC's is kept as it is.
pub(crate) fn has_no_order_on_sqlite(ty: &Type) -> bool {
    let Type::Path(path) = held(ty) else {
        return false;
    };
    match path.path.segments.last() {
        Some(last) if last.ident == "OffsetDateTime" => true,
        Some(last) if last.ident == "DateTime" => {
            let PathArguments::AngleBracketed(arguments) = &last.arguments else {
                return false;
            };
            let zone = arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(Type::Path(zone)) => zone.path.segments.last(),
                _ => None,
            });
            zone.is_some_and(|zone| zone.ident == "Local" || zone.ident == "FixedOffset")
        }
        _ => false,
    }
}

/// The kind of a type, or of what its `Option` holds.
pub(crate) fn kind(ty: &Type) -> Kind {
    let ty = held(ty);
    if let Type::Reference(reference) = ty {
        return kind(&reference.elem);
    }
    if let Type::Slice(_) = ty {
        return Kind::Bytes;
    }
    let Type::Path(path) = ty else {
        return Kind::Unknown;
    };
    let Some(last) = path.path.segments.last() else {
        return Kind::Unknown;
    };
    match last.ident.to_string().as_str() {
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" => Kind::Integer,
        "f32" | "f64" => Kind::Float,
        "Decimal" | "BigDecimal" => Kind::Decimal,
        "String" | "str" => Kind::Text,
        "bool" => Kind::Bool,
        "Vec" | "Bytes" => Kind::Bytes,
        "Box" | "Arc" | "Rc" | "Cow" => inner_kind(&last.arguments),
        "DateTime" => Kind::Time(Clock::Instant),
        "OffsetDateTime" => Kind::Time(Clock::OffsetDateTime),
        "NaiveDateTime" | "PrimitiveDateTime" => Kind::Time(Clock::Local),
        "NaiveDate" | "Date" => Kind::Time(Clock::Date),
        "NaiveTime" | "Time" => Kind::Time(Clock::Time),
        _ => Kind::Unknown,
    }
}

fn inner_kind(arguments: &PathArguments) -> Kind {
    let PathArguments::AngleBracketed(arguments) = arguments else {
        return Kind::Unknown;
    };
    let inner = arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    inner.map_or(Kind::Unknown, kind)
}

/// A kind in messages: "this is a text".
impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Integer => "an integer",
            Self::Float | Self::Decimal => "a number with a fraction",
            Self::Text => "a text",
            Self::Bool => "true or false",
            Self::Bytes => "bytes or a list",
            Self::Document => "a JSON document",
            Self::Time(_) => "a time",
            Self::Unknown => "something else",
        })
    }
}

impl Kind {
    /// The form of the clock for a column of this type. A name the derive does not know is taken for an instant, which is what
    /// an alias of a time type mostly is.
    pub(crate) fn clock(self) -> Option<Clock> {
        match self {
            Self::Time(clock) => Some(clock),
            Self::Integer => Some(Clock::Seconds),
            Self::Unknown => Some(Clock::Instant),
            Self::Float
            | Self::Decimal
            | Self::Text
            | Self::Bool
            | Self::Bytes
            | Self::Document => None,
        }
    }

    /// Whether `+ - * /` can mean something.
    pub(crate) fn is_number(self) -> bool {
        matches!(
            self,
            Self::Integer | Self::Float | Self::Decimal | Self::Unknown
        )
    }
}

/// What a field holds if it holds something: `T` of `T`, `Option<T>` and `Patch<T>`.
fn held(ty: &Type) -> &Type {
    let ty = patch_inner(ty).unwrap_or(ty);
    peel(option_inner(ty).unwrap_or(ty))
}

/// Whether it is a float of 32 bits, where SQLite stores 64.
pub(crate) fn is_f32(ty: &Type) -> bool {
    is_named(held(ty), &["f32"])
}

/// What the integer type of a field can hold, where that is less than the 64 bits that SQLite stores.
pub(crate) fn integer_range(ty: &Type) -> Option<(i64, i64)> {
    let Type::Path(path) = held(ty) else {
        return None;
    };
    Some(
        match path.path.segments.last()?.ident.to_string().as_str() {
            "i8" => (i8::MIN.into(), i8::MAX.into()),
            "i16" => (i16::MIN.into(), i16::MAX.into()),
            "i32" => (i32::MIN.into(), i32::MAX.into()),
            "u8" => (0, u8::MAX.into()),
            "u16" => (0, u16::MAX.into()),
            "u32" => (0, u32::MAX.into()),
            _ => return None,
        },
    )
}

/// Whether the last name of a type is one of these.
pub(crate) fn is_named(ty: &Type, names: &[&str]) -> bool {
    let Type::Path(path) = peel(ty) else {
        return false;
    };
    let last = path.path.segments.last();
    last.is_some_and(|last| names.iter().any(|name| last.ident == name))
}

/// The first thing in a type that only lives as long as something else.
pub(crate) fn borrow_in(ty: &Type) -> Option<&Type> {
    struct Borrows(bool);

    impl Visit<'_> for Borrows {
        fn visit_type_reference(&mut self, _: &TypeReference) {
            self.0 = true;
        }

        fn visit_lifetime(&mut self, lifetime: &Lifetime) {
            self.0 |= lifetime.ident != "static";
        }
    }

    let mut borrows = Borrows(false);
    borrows.visit_type(ty);
    borrows.0.then_some(ty)
}

/// Sees through the invisible groups that `macro_rules!` puts around a `$ty`, and through parentheses.
fn peel(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => peel(&group.elem),
        Type::Paren(paren) => peel(&paren.elem),
        _ => ty,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    #[test]
    fn a_type_is_known_by_its_last_name() {
        let kinds: [(Type, Kind); 8] = [
            (parse_quote!(i64), Kind::Integer),
            (parse_quote!(Option<core::primitive::u8>), Kind::Integer),
            (parse_quote!(&'a str), Kind::Text),
            (parse_quote!(std::borrow::Cow<'a, str>), Kind::Text),
            (parse_quote!(Vec<u8>), Kind::Bytes),
            (
                parse_quote!(Option<chrono::DateTime<Utc>>),
                Kind::Time(Clock::Instant),
            ),
            (parse_quote!(rust_decimal::Decimal), Kind::Decimal),
            (parse_quote!(Cents), Kind::Unknown),
        ];
        for (ty, expected) in kinds {
            assert_eq!(kind(&ty), expected);
        }
    }

    #[test]
    fn only_a_lifetime_that_ends_borrows() {
        assert!(borrow_in(&parse_quote!(Cow<'a, str>)).is_some());
        assert!(borrow_in(&parse_quote!(Option<&'static str>)).is_some());
        assert!(borrow_in(&parse_quote!(Cow<'static, str>)).is_none());
        assert!(borrow_in(&parse_quote!(String)).is_none());
    }
}
