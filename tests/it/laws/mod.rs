//! The laws of the library, each under its name.

mod action_never_lies;
mod atomic;
mod many_is_one_repeated;
mod no_text_from_data;
mod nothing_is_swallowed;
mod only_the_named_target_absorbs;
mod the_row_comes_back;
mod what_is_not_named_does_not_change;

use crate::harness::Registry;

pub(crate) fn register(registry: &mut Registry) {
    action_never_lies::register(registry);
    atomic::register(registry);
    many_is_one_repeated::register(registry);
    no_text_from_data::register(registry);
    nothing_is_swallowed::register(registry);
    only_the_named_target_absorbs::register(registry);
    the_row_comes_back::register(registry);
    what_is_not_named_does_not_change::register(registry);
}
