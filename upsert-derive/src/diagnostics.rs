//! Collecting mistakes, so that all of them are reported at once, each at its own token.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;

/// Where something stands, which makes no difference to what it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At(pub Span);

impl PartialEq for At {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// The mistakes found so far.
#[derive(Default)]
pub(crate) struct Faults(Vec<syn::Error>);

impl Faults {
    /// Adds a mistake, underlined at `span`.
    pub(crate) fn at(&mut self, span: Span, message: impl Into<String>) {
        self.0.push(syn::Error::new(span, message.into()));
    }

    /// Adds a mistake, underlined from the first to the last of `tokens`.
    pub(crate) fn over(&mut self, tokens: impl ToTokens, message: impl Into<String>) {
        self.0.push(syn::Error::new_spanned(tokens, message.into()));
    }

    pub(crate) fn push(&mut self, error: syn::Error) {
        self.0.push(error);
    }

    /// Keeps the mistake of a failed step, and goes on.
    pub(crate) fn take<T>(&mut self, step: syn::Result<T>) -> Option<T> {
        step.map_err(|error| self.push(error)).ok()
    }

    /// Adds the mistakes of another round over the same struct, but for those that are known.
    pub(crate) fn merge(&mut self, others: Self) {
        let known: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        self.0.extend(
            others
                .0
                .into_iter()
                .filter(|error| !known.contains(&error.to_string())),
        );
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn into_compile_errors(self) -> TokenStream {
        self.0.iter().map(syn::Error::to_compile_error).collect()
    }
}

/// `; did you mean …?`, or `; there are …` when no candidate is near.
pub(crate) fn did_you_mean<'a>(
    found: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> String {
    const NEAR: f64 = 0.8;
    let candidates: Vec<_> = candidates.into_iter().collect();
    let nearest = candidates
        .iter()
        .map(|candidate| (strsim::jaro_winkler(found, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= NEAR)
        .max_by(|one, two| one.0.total_cmp(&two.0));
    match nearest {
        Some((_, name)) => format!("; did you mean `{name}`?"),
        None if candidates.is_empty() => String::new(),
        None => format!("; there are {}", some_of(&candidates)),
    }
}

/// `` `email`, `name`, … ``: enough to jog the memory.
fn some_of(names: &[&str]) -> String {
    const MANY: usize = 12;
    let mut list: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    if list.len() > MANY {
        list.truncate(MANY);
        list.push("…".to_owned());
    }
    list.join(", ")
}
