//! `crate = path`: where the library lives when it is re-exported.

use syn::parse::ParseStream;
use syn::{LitStr, Path, Token};

use super::Word;

/// Parses `= path`. A path in quotes is what serde takes, so that mistake is told apart.
pub(super) fn parse(word: &Word, input: ParseStream) -> syn::Result<Path> {
    let wrong = |span| syn::Error::new(span, "`crate` takes a path: `crate = framework::upsert`");
    if !input.peek(Token![=]) {
        return Err(wrong(word.span));
    }
    input.parse::<Token![=]>()?;
    if input.peek(LitStr) {
        let literal: LitStr = input.parse()?;
        let message = format!(
            "`crate` takes a path, without quotes: `crate = {}`",
            literal.value()
        );
        return Err(syn::Error::new(literal.span(), message));
    }
    let path = Path::parse_mod_style(input).map_err(|error| wrong(error.span()))?;
    match path.segments.first() {
        Some(first) if first.ident == "Self" => Err(wrong(first.ident.span())),
        _ => Ok(path),
    }
}
