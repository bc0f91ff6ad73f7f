//! Token soup: structs made of the real words, columns and expressions, in sensible and in senseless order.
//!
//! What is chosen comes from bytes, so that a fuzzer can learn which bytes lead somewhere new. `fuzz/` has such a fuzzer; the
//! test beside this file takes random bytes.

mod databases;
#[cfg(test)]
mod tests;

use syn::DeriveInput;

use crate::diagnostics::Faults;
use crate::model::Model;
use crate::types::Kind;
use crate::{expand, model, parse};
pub(crate) use databases::Databases;

/// Bytes as choices. When they are used up, everything is the first choice, which is always the shortest.
pub(crate) struct Choices<'a> {
    bytes: &'a [u8],
}

/// What kind of value an expression is to give; the kinds that columns have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Gives {
    Integer,
    Float,
    Text,
    Bool,
    Time,
    Other,
}

/// The fields, of types that PostgreSQL and SQLite both have, and whose names the derive knows: of others it lets pass what
/// only the compiler or the database can judge.
const FIELDS: &[(&str, &str, Gives)] = &[
    ("k", "i64", Gives::Integer),
    ("s", "String", Gives::Text),
    ("n", "i64", Gives::Integer),
    ("i", "i32", Gives::Integer),
    ("small", "Option<i16>", Gives::Integer),
    ("x", "f64", Gives::Float),
    ("real", "Option<f32>", Gives::Float),
    ("flag", "bool", Gives::Bool),
    ("perhaps", "Option<bool>", Gives::Bool),
    ("note", "Option<String>", Gives::Text),
    ("at", "DateTime<Utc>", Gives::Time),
    ("deleted_at", "Option<DateTime<Utc>>", Gives::Time),
    ("local", "NaiveDateTime", Gives::Other),
    ("day", "Option<NaiveDate>", Gives::Other),
    ("bytes", "Vec<u8>", Gives::Other),
    ("r#type", "String", Gives::Text),
    ("patch", "Patch<Option<String>>", Gives::Text),
    ("whole", "Patch<i64>", Gives::Integer),
];

/// What does not belong where it will stand.
const NOISE: &[&str] = &[
    "",
    ",",
    "=",
    "old",
    "new",
    "old.",
    "self",
    "_",
    "'a'",
    "\"\"",
    "0",
    "-1",
    "1e400",
    "null",
    "old.zzz",
    "new.k.k",
    "now",
    "f(x)",
    "a::b",
    "|x| x",
    "{ }",
    "[1]",
    "!",
    "old.k = 1",
    "&&",
    "9223372036854775808",
    "sql()",
    "sql(\"{\")",
    "sql(\"{old.k\")",
    "if",
    "x!{}",
    "\"*\"",
];

impl<'a> Choices<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    fn below(&mut self, count: usize) -> usize {
        let Some((first, rest)) = self.bytes.split_first() else {
            return 0;
        };
        self.bytes = rest;
        usize::from(*first) % count
    }

    fn once_in(&mut self, count: usize) -> bool {
        self.below(count) == count - 1
    }

    fn of<'b>(&mut self, list: &[&'b str]) -> &'b str {
        list[self.below(list.len())]
    }
}

/// A struct with attributes.
pub(crate) fn structure(choices: &mut Choices) -> String {
    let mut fields = vec![FIELDS[0]];
    fields.extend(FIELDS[1..].iter().filter(|_| choices.once_in(2)));
    let mut soup = Soup { fields, choices };
    let mut source = soup.container();
    source += "struct Soup {\n";
    for place in 0..soup.fields.len() {
        source += &soup.field(place);
    }
    source + "}\n"
}

struct Soup<'c, 'a> {
    fields: Vec<(&'static str, &'static str, Gives)>,
    choices: &'c mut Choices<'a>,
}

impl Soup<'_, '_> {
    fn container(&mut self) -> String {
        let mut attributes = format!("#[upsert({})]\n", self.options());
        for name in ["second", "third"] {
            if self.choices.once_in(6) {
                attributes += &format!("#[upsert(name = \"{name}\", {})]\n", self.options());
            }
        }
        attributes
    }

    fn options(&mut self) -> String {
        let mut words = vec![self.target()];
        while words.len() < 8 && self.choices.once_in(2) {
            let word = self.word();
            words.push(word);
        }
        words.join(", ")
    }

    fn target(&mut self) -> String {
        match self.choices.below(12) {
            0..=5 => "conflict = \"k\"".to_owned(),
            6 => "conflict = \"k, s\"".to_owned(),
            7 => "conflict = \"lower(s)\"".to_owned(),
            8 => "conflict = \"k\", conflict_where = \"k > 0\"".to_owned(),
            9 => "conflict = \"k\", constraint = \"it's \\\"one\\\"\"".to_owned(),
            10 => "conflict = \"k, note\", nulls_not_distinct".to_owned(),
            _ => format!("conflict = \"{}\"", self.columns()),
        }
    }

    fn word(&mut self) -> String {
        match self.choices.below(18) {
            0 => format!("accumulate = \"{}\"", self.column_of(Gives::Integer)),
            1 => format!("coalesce = \"{}\"", self.columns()),
            2 => format!("greatest = \"{}\"", self.columns()),
            3 => format!("least = \"{}\"", self.columns()),
            4 => format!("insert_only = \"{}\"", self.columns()),
            5 => format!("generated = \"{}\"", self.columns()),
            6 => format!("now = \"{}\"", self.column_of(Gives::Time)),
            7 => format!("update_where({})", self.expression(Gives::Bool, 3)),
            8 => format!("newer = \"{}\"", self.columns()),
            9 => "skip_unchanged".to_owned(),
            10 => {
                let what = self.choices.of(&["revive", "keep", "error"]);
                format!("soft_delete = \"deleted_at\", on_deleted = \"{what}\"")
            }
            11 => format!("returning = \"{}\"", self.columns()),
            12 => format!("returning(Account: \"{}\")", self.columns()),
            13 => {
                let column = self.any_field();
                let value = self.expression(column.2, 3);
                format!("set({} = {value})", column.0)
            }
            14 => {
                let table = self
                    .choices
                    .of(&["excluded", "old", "or\\\"der", "it's", "new"]);
                format!("table = \"{table}\"")
            }
            15 => "rename_all = \"camelCase\"".to_owned(),
            16 => format!("{} = {}", self.noise(), self.noise()),
            _ => self.noise(),
        }
    }

    fn field(&mut self, place: usize) -> String {
        let (name, ty, gives) = self.fields[place];
        let mut words = Vec::new();
        // Literal SQL speaks of the first one.
        while place > 0 && words.len() < 2 && self.choices.once_in(3) {
            words.push(match self.choices.below(14) {
                0 => format!("update = {}", self.expression(gives, 3)),
                1 => format!("insert = {}", self.expression(gives, 2)),
                2 => "accumulate".to_owned(),
                3 => "coalesce".to_owned(),
                4 => "greatest".to_owned(),
                5 => "least".to_owned(),
                6 => "insert_only".to_owned(),
                7 => "generated".to_owned(),
                8 => "now".to_owned(),
                9 => "param".to_owned(),
                10 => "skip".to_owned(),
                11 if gives == Gives::Other => "json".to_owned(),
                12 => {
                    let name = self
                        .choices
                        .of(&["sel\\\"ect", "Größe", "a b", "it's", "key"]);
                    format!("rename = \"{name}\"")
                }
                _ => self.noise(),
            });
        }
        let attribute = match words.is_empty() {
            true => String::new(),
            false => format!("#[upsert({})] ", words.join(", ")),
        };
        format!("    {attribute}{name}: {ty},\n")
    }

    fn noise(&mut self) -> String {
        self.choices.of(NOISE).to_owned()
    }

    fn any_field(&mut self) -> (&'static str, &'static str, Gives) {
        self.fields[self.choices.below(self.fields.len())]
    }

    fn columns(&mut self) -> String {
        let mut names = vec![self.any_field().0.trim_start_matches("r#")];
        while names.len() < 3 && self.choices.once_in(3) {
            names.push(self.any_field().0.trim_start_matches("r#"));
        }
        names.join(", ")
    }

    fn has(&self, gives: Gives) -> bool {
        self.fields.iter().any(|(.., found)| *found == gives)
    }

    fn column_of(&mut self, gives: Gives) -> &'static str {
        let like: Vec<_> = (self.fields.iter())
            .filter(|(.., found)| *found == gives)
            .map(|(name, ..)| *name)
            .collect();
        match like.len() {
            0 => "k",
            count => like[self.choices.below(count)].trim_start_matches("r#"),
        }
    }

    fn expression(&mut self, gives: Gives, depth: usize) -> String {
        if self.choices.once_in(60) {
            return self.noise();
        }
        let gives = match gives {
            Gives::Other => return "null".to_owned(),
            _ if self.choices.once_in(40) => self.any_field().2,
            _ => gives,
        };
        if depth == 0 || self.choices.once_in(3) {
            return self.leaf(gives);
        }
        let depth = depth - 1;
        match self.choices.below(12) {
            0 => {
                let condition = self.expression(Gives::Bool, depth);
                let (one, two) = (self.expression(gives, depth), self.expression(gives, depth));
                return format!("if {condition} {{ {one} }} else {{ {two} }}");
            }
            1..=3 => {
                let function = self
                    .choices
                    .of(&["coalesce", "greatest", "least", "nullif"]);
                let (one, two) = (self.expression(gives, depth), self.expression(gives, depth));
                return format!("{function}({one}, {two})");
            }
            4 => return format!("({})", self.expression(gives, depth)),
            _ => {}
        }
        match gives {
            Gives::Integer => match self.choices.below(6) {
                0 => format!("length({})", self.expression(Gives::Text, depth)),
                1 => format!("cast({}, \"integer\")", self.number(depth)),
                2 => format!("-{}", self.leaf(gives)),
                3 => format!("abs({})", self.expression(gives, depth)),
                _ => self.operation(gives, &["+", "-", "*", "/", "%"], depth),
            },
            Gives::Float => match self.choices.below(5) {
                0 => format!("round({})", self.expression(gives, depth)),
                1 => format!("cast({}, \"float\")", self.number(depth)),
                2 => format!("-{}", self.leaf(gives)),
                _ => self.operation(gives, &["+", "-", "*", "/"], depth),
            },
            Gives::Text => match self.choices.below(5) {
                0 => format!("lower({})", self.expression(gives, depth)),
                1 => format!("upper({})", self.expression(gives, depth)),
                2 => format!("cast({}, \"text\")", self.number(depth)),
                // Nobody sees what kind of value literal SQL gives, so it has to be the right one here.
                3 if self.has(Gives::Text) => {
                    let column = self.column_of(Gives::Text);
                    format!("concat(sql(\"trim({{new.{column}}})\"), \"\")")
                }
                _ => {
                    let (one, two) = (self.expression(gives, depth), self.expression(gives, depth));
                    format!("concat({one}, {two})")
                }
            },
            Gives::Bool => match self.choices.below(6) {
                0 => format!("!{}", self.leaf(gives)),
                1 => {
                    let field = self.any_field().2;
                    format!("is_null({})", self.expression(field, depth))
                }
                2 | 3 => {
                    let field = self.any_field().2;
                    let (one, two) = (self.expression(field, depth), self.expression(field, depth));
                    match self.choices.below(7) {
                        0 => format!("distinct({one}, {two})"),
                        place => {
                            let sign = ["==", "!=", "<", "<=", ">", ">="][place - 1];
                            format!("{one} {sign} {two}")
                        }
                    }
                }
                _ => self.operation(gives, &["&&", "||"], depth),
            },
            Gives::Time | Gives::Other => self.leaf(gives),
        }
    }

    fn number(&mut self, depth: usize) -> String {
        let gives = [Gives::Integer, Gives::Float][self.choices.below(2)];
        self.expression(gives, depth)
    }

    fn operation(&mut self, gives: Gives, signs: &[&str], depth: usize) -> String {
        let sign = self.choices.of(signs);
        let (one, two) = (self.expression(gives, depth), self.expression(gives, depth));
        format!("{one} {sign} {two}")
    }

    fn leaf(&mut self, gives: Gives) -> String {
        if gives != Gives::Other && self.choices.below(4) < 3 {
            let side = self.choices.of(&["new", "old"]);
            let column = self.column_of(gives);
            let column = if column == "type" { "r#type" } else { column };
            return format!("{side}.{column}");
        }
        match gives {
            Gives::Integer => self.choices.of(&["0", "1", "-7", "9223372036854775807"]),
            Gives::Float => self.choices.of(&["0.5", "-1.5", "2", "1e300"]),
            Gives::Text => self
                .choices
                .of(&["\"\"", "\"it's\"", "\"\\\\\"", "\"é\\\"--\""]),
            Gives::Bool => self.choices.of(&["true", "false"]),
            Gives::Time => "now()",
            Gives::Other => "null",
        }
        .to_owned()
    }
}

/// What came of a struct.
pub(crate) enum Outcome {
    /// It is no struct at all.
    NoStruct,
    Refused,
    Accepted,
}

/// Gives a struct to the derive, and what it accepts to the databases.
pub(crate) fn try_out(source: &str, databases: &mut Databases) -> Result<Outcome, String> {
    let Ok(input) = syn::parse_str::<DeriveInput>(source) else {
        return Ok(Outcome::NoStruct);
    };
    let tokens = expand::derive(&input);
    syn::parse2::<syn::File>(tokens)
        .map_err(|error| format!("what goes out is no Rust: {error}"))?;
    let mut faults = Faults::default();
    let Some(parsed) = parse::read(&input, &mut faults) else {
        return Ok(Outcome::Refused);
    };
    let models = model::resolve(&parsed, &mut faults);
    if !faults.is_empty() {
        return Ok(Outcome::Refused);
    }
    if models.iter().any(is_refused_by_types) {
        return Ok(Outcome::Refused);
    }
    for model in &models {
        databases.prepare(model)?;
    }
    Ok(Outcome::Accepted)
}

/// Whether rustc refuses what the derive has let pass: `accumulate` asks its trait of the field's type.
fn is_refused_by_types(model: &Model) -> bool {
    let mut columns = model.columns.iter();
    columns.any(|column| {
        let is_number = matches!(column.kind(), Kind::Integer | Kind::Float | Kind::Decimal);
        column.accumulates && !is_number
    })
}
