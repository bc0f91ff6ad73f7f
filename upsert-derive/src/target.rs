//! The conflict target: what decides whether a row is already there.

use proc_macro2::Span;

use crate::diagnostics::{Faults, did_you_mean};
use crate::model::{Draft, find};
use crate::parse::{Field, Named, Options};

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
            parts.extend(expression(part, drafts, faults));
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

/// The first word that could be a column: one that is not called.
fn first_name(text: &str) -> Option<&str> {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let words = text.split(|character| !is_word(character));
    let mut words = words.filter(|word| word.starts_with(|first: char| !first.is_ascii_digit()));
    words.find(|word| !text.contains(&format!("{word}(")))
}

fn is_balanced(text: &str) -> bool {
    let mut depth = 0_i32;
    for character in text.chars() {
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
    let numbered =
        |(at, _): (usize, &str)| text[at + 1..].starts_with(|next: char| next.is_ascii_digit());
    text.contains('?') || text.contains('\0') || text.match_indices('$').any(numbered)
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
