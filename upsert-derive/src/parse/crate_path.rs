//! `crate = path`: where the library lives when it is re-exported.

use syn::parse::ParseStream;
use syn::{LitStr, Path, Token};

/// Parses `= path`. A path in quotes is what serde takes, so that mistake is told apart.
pub(crate) fn parse(input: ParseStream) -> syn::Result<Path> {
    if !input.peek(Token![=]) {
        return Err(input.error("`crate` takes a path: `crate = my_framework::upsert`"));
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
    Path::parse_mod_style(input)
}
