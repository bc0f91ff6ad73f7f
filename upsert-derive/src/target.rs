//! The conflict target: what decides whether a row is already there.

use proc_macro2::Span;

use crate::diagnostics::{Faults, did_you_mean};
use crate::model::{Draft, find};
use crate::parse::{Field, Named, Options};
use crate::types;

/// What decides a conflict. Never without parts.
pub(crate) struct Target {
    pub parts: Vec<TargetPart>,
    /// The `WHERE` of a partial unique index, as the user wrote it.
    pub predicate: Option<String>,
    pub constraint: Option<String>,
    pub nulls_not_distinct: bool,
}

/// A column or an expression of the target.
pub(crate) enum TargetPart {
    Column(usize),
    /// `lower(email)`, split at its columns.
    Expression(Vec<TargetPiece>),
}

pub(crate) enum TargetPiece {
    Text(String),
    Column(usize),
}

impl Target {
    /// The columns that are parts themselves, in order. Those inside an expression are not among them.
    pub(crate) fn columns(&self) -> impl Iterator<Item = usize> {
        self.parts.iter().filter_map(|part| match part {
            TargetPart::Column(column) => Some(*column),
            TargetPart::Expression(_) => None,
        })
    }

    /// Every column as often as it occurs, in order: what reading a row by its key binds.
    pub(crate) fn occurrences(&self) -> Vec<usize> {
        let pieces = self.parts.iter().flat_map(|part| match part {
            TargetPart::Column(column) if self.nulls_not_distinct => vec![*column, *column],
            TargetPart::Column(column) => vec![*column],
            TargetPart::Expression(pieces) => {
                pieces.iter().filter_map(TargetPiece::column).collect()
            }
        });
        pieces.collect()
    }

    /// A column that the target is about.
    pub(crate) fn first_column(&self) -> usize {
        self.occurrences().first().copied().unwrap_or_default()
    }
}

impl TargetPiece {
    pub(crate) fn column(&self) -> Option<usize> {
        match self {
            Self::Column(column) => Some(*column),
            Self::Text(_) => None,
        }
    }
}

/// Finds the target: the fields marked `conflict` (of the default upsert alone), then the list. The columns of the target get
/// their mark in `drafts`.
pub(crate) fn resolve(
    options: &Options,
    fields: &[Field],
    drafts: &mut [Draft],
    faults: &mut Faults,
) -> Target {
    let marked = (0..drafts.len()).filter(|&column| !drafts[column].key.is_empty());
    let mut parts: Vec<_> = marked.map(TargetPart::Column).collect();
    for part in options.conflict.iter().flatten() {
        if part.name.contains('(') {
            let found = expression(part, drafts, faults);
            if let (Some(TargetPart::Expression(pieces)), None) =
                (&found, &options.nulls_not_distinct)
            {
                let predicate = options.conflict_where.as_ref().map(|text| text.value());
                null_in_expression(part, pieces, predicate.as_deref(), drafts, faults);
            }
            parts.extend(found);
            continue;
        }
        let Some(column) = find(part, drafts, fields, faults) else {
            continue;
        };
        drafts[column].key.push(part.span);
        if drafts[column].key.len() == 1 {
            parts.push(TargetPart::Column(column));
        }
    }
    Target {
        parts,
        predicate: options
            .conflict_where
            .as_ref()
            .map(|predicate| predicate.value()),
        constraint: options.constraint.as_ref().map(|name| name.value()),
        nulls_not_distinct: options.nulls_not_distinct.is_some(),
    }
}

/// Splits an expression at the columns it names. Everything else is taken as it is.
fn expression(part: &Named, drafts: &[Draft], faults: &mut Faults) -> Option<TargetPart> {
    let text = part
        .name
        .strip_prefix('(')
        .and_then(|inner| inner.strip_suffix(')'));
    let text = text
        .filter(|inner| is_balanced(inner))
        .unwrap_or(&part.name);
    if !is_balanced(text) {
        faults.at(part.span, not_balanced(text));
        return None;
    }
    if takes_binds(text) {
        faults.at(part.span, "an index is over columns alone, so an expression of the target takes no binds: `lower(email)`");
        return None;
    }
    let pieces = split_at_columns(text, drafts);
    if !pieces.iter().any(|piece| piece.column().is_some()) {
        let names = drafts.iter().map(|draft| draft.name.as_str());
        let advice = first_name(text).map_or_else(String::new, |name| did_you_mean(name, names));
        faults.at(
            part.span,
            format!("`{}` names no column of this struct{advice}", part.name),
        );
        return None;
    }
    Some(TargetPart::Expression(pieces))
}

/// Most functions of NULL are NULL, which conflicts with nothing.
fn null_in_expression(
    part: &Named,
    pieces: &[TargetPiece],
    predicate: Option<&str>,
    drafts: &[Draft],
    faults: &mut Faults,
) {
    let text = part.name.to_lowercase();
    let words: Vec<_> = words(&text).collect();
    let sees_null = [
        "coalesce",
        "ifnull",
        "nvl",
        "null",
        "concat",
        "concat_ws",
        "case",
        "if",
    ];
    if sees_null.iter().any(|word| words.contains(word)) {
        return;
    }
    let mut columns = pieces.iter().filter_map(TargetPiece::column);
    let optional = columns.find(|&column| {
        let Draft { ty, name, .. } = &drafts[column];
        let is_left_out = predicate.is_some_and(|predicate| leaves_null_out(predicate, name));
        types::option_inner(ty).is_some() && !is_left_out
    });
    if let Some(column) = optional {
        let name = &drafts[column].name;
        faults.at(
            part.span,
            format!(
                "`{name}` is an `Option`, and NULL never conflicts: such a row would be inserted again each time; make the field's type plain, or write what NULL counts as, like `coalesce({name}, '')`"
            ),
        );
    }
}

/// Whether a predicate leaves the rows out in which a column is NULL.
pub(crate) fn leaves_null_out(predicate: &str, column: &str) -> bool {
    let predicate = predicate.to_lowercase();
    let words: Vec<_> = words(&predicate).collect();
    let asked = [&column.to_lowercase(), "is", "not", "null"];
    words.windows(asked.len()).any(|found| found == asked)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|character: char| !character.is_alphanumeric() && character != '_');
    words.filter(|word| !word.is_empty())
}

/// The first word that could be a column: one that is not called.
fn first_name(text: &str) -> Option<&str> {
    let mut words =
        words(text).filter(|word| word.starts_with(|first: char| !first.is_ascii_digit()));
    words.find(|word| !text.contains(&format!("{word}(")))
}

fn is_balanced(text: &str) -> bool {
    let mut depth = 0_i32;
    for character in without_quoted(text).chars() {
        depth += i32::from(character == '(') - i32::from(character == ')');
        if depth < 0 {
            return false;
        }
    }
    depth == 0
}

fn not_balanced(text: &str) -> String {
    format!("the parentheses in `{text}` do not match; close each one that is opened")
}

/// Binds mean nothing where an index is to be found by its text.
pub(crate) fn takes_binds(text: &str) -> bool {
    let plain = without_quoted(text);
    let numbered =
        |(at, _): (usize, &str)| plain[at + 1..].starts_with(|next: char| next.is_ascii_digit());
    plain.contains('?') || text.contains('\0') || plain.match_indices('$').any(numbered)
}

/// Words that are columns become columns; a word before a parenthesis is a function, one in quotes is a text.
fn split_at_columns(text: &str, drafts: &[Draft]) -> Vec<TargetPiece> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' => quoted_length(rest, '\''),
            '"' | '`' => quoted_length(rest, first),
            first if first.is_alphabetic() || first == '_' => rest
                .find(|next: char| !next.is_alphanumeric() && next != '_')
                .unwrap_or(rest.len()),
            first => first.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        let name = token.trim_matches(['"', '`']);
        let column = drafts.iter().position(|draft| draft.name == name);
        match column.filter(|_| first != '\'' && !after.trim_start().starts_with('(')) {
            Some(column) => {
                pieces.push(TargetPiece::Text(std::mem::take(&mut plain)));
                pieces.push(TargetPiece::Column(column));
            }
            None => plain.push_str(token),
        }
        rest = after;
    }
    pieces.push(TargetPiece::Text(plain));
    pieces
}

/// SQL without its texts and without names in quotes.
fn without_quoted(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(['\'', '"', '`']) {
        plain.push_str(&rest[..start]);
        let quote = char::from(rest.as_bytes()[start]);
        rest = &rest[start + quoted_length(&rest[start..], quote)..];
    }
    plain + rest
}

fn quoted_length(text: &str, quote: char) -> usize {
    text[1..].find(quote).map_or(text.len(), |end| end + 2)
}

/// What the predicate of a partial index may not hold.
pub(crate) fn check_predicate(predicate: &str, span: Span, faults: &mut Faults) {
    if !is_balanced(predicate) {
        faults.at(span, not_balanced(predicate));
    } else if predicate.trim().is_empty() || takes_binds(predicate) {
        faults.at(
            span,
            "the predicate of a partial index is SQL without binds, as the index has it: `conflict_where = \"deleted_at IS NULL\"`",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_quotes_is_no_syntax() {
        for predicate in [
            "note <> '('",
            "url NOT LIKE '%?%'",
            r#""a?" = 'it''s $1 ('"#,
        ] {
            assert!(
                is_balanced(predicate) && !takes_binds(predicate),
                "{predicate}"
            );
        }
        assert!(!is_balanced("('(') AND (a"));
        assert!(takes_binds("a = '?' OR a = ?") && takes_binds("a = $1"));
    }

    #[test]
    fn a_predicate_may_leave_null_out() {
        for predicate in ["email IS NOT NULL", r#"gone = 0 and "Email" is  not null"#] {
            assert!(leaves_null_out(predicate, "email"), "{predicate}");
        }
        for predicate in ["gone IS NULL", "an_email IS NOT NULL", "email IS NULL"] {
            assert!(!leaves_null_out(predicate, "email"), "{predicate}");
        }
    }
}
