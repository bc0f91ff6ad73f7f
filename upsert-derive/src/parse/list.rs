//! A list of names in one string.

use proc_macro2::Span;
use syn::LitStr;

use super::Word;
use crate::diagnostics::Faults;

/// A name with the place where it stands.
#[derive(Clone)]
pub(crate) struct Named {
    pub name: String,
    pub span: Span,
}

/// Splits `"tenant_id, lower(email)"`; every name has the literal's span, which is as near as a stable compiler lets a macro
/// point. Commas in parentheses belong to an expression.
pub(super) fn parse(literal: &LitStr, faults: &mut Faults) -> Vec<Named> {
    let text = literal.value();
    let mut names = Vec::new();
    let mut depth = 0_usize;
    let separators = |character: char| {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == ',' && depth == 0
    };
    for name in text.split(separators).map(str::trim) {
        if name.is_empty() {
            let what = match text.trim() {
                "" => "no column is named here".to_owned(),
                _ => format!("a column name is missing in `{text}`"),
            };
            faults.at(
                literal.span(),
                format!("{what}; write names separated by commas: `\"tenant_id, sku\"`"),
            );
            return names;
        }
        names.push(Named {
            name: name.to_owned(),
            span: literal.span(),
        });
    }
    names
}

/// One name: what `newer = "version"` takes.
pub(super) fn one(literal: &LitStr, word: &Word) -> syn::Result<Named> {
    let name = literal.value().trim().to_owned();
    let span = literal.span();
    if name.is_empty() || name.contains(',') {
        let message = format!("`{}` takes the name of one column", word.name);
        return Err(syn::Error::new(span, message));
    }
    Ok(Named { name, span })
}
