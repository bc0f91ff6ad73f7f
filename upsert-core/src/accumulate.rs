//! Which types `accumulate` may add up.

/// A type whose values the database can add: what a field marked `accumulate` must be.
///
/// Implemented for integers, floats, decimals (features `rust_decimal`, `bigdecimal`) and `Option` of those. Implement it
/// for a type of your own whose column is a number:
///
/// ```
/// struct Cents(i64);
/// impl upsert::Accumulate for Cents {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be accumulated: `old + new` has no meaning for it",
    label = "not a number",
    note = "`accumulate` is for integers, floats, decimals and `Option` of those",
    note = "for a type of your own whose column is a number, write `impl upsert::Accumulate for {Self} {{}}`",
    note = "decimals need the feature `rust_decimal` or `bigdecimal` of `upsert`"
)]
pub trait Accumulate {
    #[doc(hidden)]
    const CHECKED: () = ();
}

macro_rules! accumulate {
    ($($number:ty),*) => { $(
        #[diagnostic::do_not_recommend]
        impl Accumulate for $number {}
    )* };
}

accumulate!(i8, i16, i32, i64, u8, u16, u32, u64, f32, f64);

#[cfg(feature = "rust_decimal")]
accumulate!(rust_decimal::Decimal);
#[cfg(feature = "bigdecimal")]
accumulate!(bigdecimal::BigDecimal);

#[diagnostic::do_not_recommend]
impl<T: Accumulate> Accumulate for Option<T> {}
