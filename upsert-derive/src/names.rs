//! From Rust's names to the database's.

use heck::{ToKebabCase, ToLowerCamelCase, ToShoutySnakeCase, ToSnakeCase, ToUpperCamelCase};

/// The values of `rename_all`, as sqlx spells them.
pub(crate) const RENAME_RULES: [&str; 7] = [
    "snake_case",
    "lowercase",
    "UPPERCASE",
    "SCREAMING_SNAKE_CASE",
    "kebab-case",
    "camelCase",
    "PascalCase",
];

/// Applies a `rename_all` rule to a field's name; `None` for an unknown rule.
pub(crate) fn rename(rule: &str, field: &str) -> Option<String> {
    Some(match rule {
        "snake_case" => field.to_snake_case(),
        "lowercase" => field.to_lowercase(),
        "UPPERCASE" => field.to_uppercase(),
        "SCREAMING_SNAKE_CASE" => field.to_shouty_snake_case(),
        "kebab-case" => field.to_kebab_case(),
        "camelCase" => field.to_lower_camel_case(),
        "PascalCase" => field.to_upper_camel_case(),
        _ => return None,
    })
}

/// The table of a struct that names none: snake case, plural.
///
/// `Category` → `categories`, `Box` → `boxes`, `User` → `users`; `UserPoints` ends in `s` already and stays `user_points`.
pub(crate) fn table_of(ident: &str) -> String {
    let name = ident.to_snake_case();
    let vowel_before_y = ["ay", "ey", "iy", "oy", "uy"]
        .iter()
        .any(|end| name.ends_with(end));
    match name.strip_suffix('y') {
        Some(stem) if !vowel_before_y => format!("{stem}ies"),
        _ if name.ends_with('s') => name,
        _ if ["x", "z", "ch", "sh"].iter().any(|end| name.ends_with(end)) => format!("{name}es"),
        _ => format!("{name}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::table_of;

    #[test]
    fn tables_are_plural() {
        for (ident, table) in [
            ("User", "users"),
            ("Category", "categories"),
            ("Survey", "surveys"),
            ("Box", "boxes"),
            ("Quiz", "quizes"),
            ("Batch", "batches"),
            ("Wish", "wishes"),
            ("UserPoints", "user_points"),
            ("Address", "address"),
            ("HTTPRequest", "http_requests"),
        ] {
            assert_eq!(table_of(ident), table);
        }
    }
}
