//! Is the SQL that the guide shows what the derive writes? The page is read as a reader would: the structs of each example,
//! and the SQL below it. `UPSERT_BLESS=1` writes the SQL into the page, `cargo xtask bless` does so too. And has each part of
//! the language of expressions its row in the page on them?

use std::collections::BTreeSet;
use std::{env, fs};

use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{Arm, BinOp, DeriveInput, ImplItemConst, ItemFn, ItemStruct, Lit, Pat, UnOp};

use super::spelling::MARK;
use super::{Source, Statement, Texts, write};
use crate::diagnostics::Faults;
use crate::expand::bounds;
use crate::model::{self, Bulk, Model};
use crate::parse;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../src/guide/attributes.md");
const EXPRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../src/guide/expressions.md");
const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");

/// The databases as the page calls them, and the capabilities that each lacks.
const DATABASES: [(&str, &[&str]); 3] = [
    ("PostgreSQL", &["NotPostgres"]),
    (
        "SQLite",
        &[
            "NamedConstraint",
            "NullsNotDistinct",
            "OrdersInstants",
            "NotSqlite",
        ],
    ),
    (
        "MySQL, MariaDB",
        &[
            "NamedConstraint",
            "PartialIndex",
            "NullsNotDistinct",
            "NotMySql",
        ],
    ),
];

#[test]
fn the_guide_shows_the_sql_of_its_examples() {
    let page = fs::read_to_string(PAGE).expect("the guide stands beside this crate");
    let expected = with_sql(&page);
    if expected == page {
        return;
    }
    if env::var_os("UPSERT_BLESS").is_some() {
        fs::write(PAGE, expected).expect("the guide can be written");
        return;
    }
    let lines = page.lines().zip(expected.lines()).enumerate();
    let (number, (found, wanted)) = (lines.into_iter())
        .find(|(_, (found, wanted))| found != wanted)
        .expect("a line differs");
    panic!(
        "line {} of the page on attributes is\n  {found}\nand should be\n  {wanted}\nrun `cargo xtask bless`, and read the diff",
        number + 1
    );
}

#[test]
fn each_word_has_its_section() {
    let page = fs::read_to_string(PAGE).expect("the guide stands beside this crate");
    let readme = fs::read_to_string(README).expect("so does what comes before it");
    for word in parse::all_words() {
        let quoted = format!("`{word}`");
        let mut titles = page.lines().filter(|line| line.starts_with("# "));
        assert!(
            titles.any(|title| title.contains(&quoted)),
            "the page on attributes has no section on {quoted}"
        );
        let mut rows = page.lines().filter(|line| line.starts_with("| "));
        assert!(
            rows.any(|row| row.contains(&quoted)),
            "the table at the top of the page has no {quoted}"
        );
        let mut rows = readme.lines().filter(|line| line.starts_with("| `"));
        assert!(
            rows.any(|row| row.contains(&format!("`{word}"))),
            "the README's table has no {quoted}"
        );
    }
}

/// What each row spells, `an_expression_becomes_what_the_guide_says` compares, in the facade's tests. The words of the language
/// are taken from the parser's own code, where a new one would stand.
#[test]
fn each_part_of_the_language_has_its_row() {
    let mut words = Words::default();
    for code in [
        include_str!("../expr/functions.rs"),
        include_str!("../expr/read.rs"),
    ] {
        words.visit_file(&syn::parse_file(code).expect("Rust"));
    }
    for word in [
        "coalesce", "round", "text", "now", "cast", "sql", "if", "null", "||", "<=", "%", "!",
    ] {
        assert!(words.0.contains(word), "the parser knows no `{word}`");
    }
    let page = fs::read_to_string(EXPRESSIONS).expect("the guide stands beside this crate");
    let mut shown = Shown::default();
    for row in page.lines().filter_map(|line| line.strip_prefix("| `")) {
        let row = row.replace(r"\|", "\u{1}");
        let cell = row.split('|').next().unwrap_or_default();
        let expr = cell.trim().trim_end_matches('`').replace('\u{1}', "|");
        if let Ok(expr) = syn::parse_str(&expr) {
            shown.visit_expr(&expr);
        }
    }
    let missing: Vec<_> = words.0.difference(&shown.0).collect();
    assert!(
        missing.is_empty(),
        "the table of expressions has no row for {missing:?}"
    );
}

/// The operators and the functions that the code of the parser matches.
#[derive(Default)]
struct Words(BTreeSet<String>);

impl Visit<'_> for Words {
    /// `Function::ALL`, and `CastTo::ALL`.
    fn visit_impl_item_const(&mut self, item: &ImplItemConst) {
        struct Names<'w>(&'w mut BTreeSet<String>);

        impl Visit<'_> for Names<'_> {
            fn visit_lit(&mut self, literal: &Lit) {
                if let Lit::Str(name) = literal {
                    self.0.insert(name.value());
                }
            }
        }

        Names(&mut self.0).visit_impl_item_const(item);
    }

    /// The functions that are read by themselves.
    fn visit_item_fn(&mut self, item: &ItemFn) {
        struct Arms<'w>(&'w mut BTreeSet<String>);

        impl Visit<'_> for Arms<'_> {
            fn visit_arm(&mut self, arm: &Arm) {
                if let Pat::Lit(literal) = &arm.pat
                    && let Lit::Str(name) = &literal.lit
                {
                    self.0.insert(name.value());
                }
                visit::visit_arm(self, arm);
            }
        }

        if item.sig.ident == "read_call" {
            Arms(&mut self.0).visit_item_fn(item);
        }
        visit::visit_item_fn(self, item);
    }

    /// `BinOp::Add(_)`, `UnOp::Not(_)`, `syn::Expr::If(_)`, and what asks for `null`.
    fn visit_pat_tuple_struct(&mut self, pattern: &syn::PatTupleStruct) {
        let names: Vec<_> = (pattern.path.segments.iter())
            .map(|segment| segment.ident.to_string())
            .collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        match names[..] {
            [.., "BinOp" | "UnOp", name] => {
                let (_, sign) = SIGNS
                    .iter()
                    .find(|(known, _)| *known == name)
                    .unwrap_or_else(|| panic!("say the sign of `{name}`"));
                self.0.insert((*sign).to_owned());
            }
            [.., "Expr", "If"] => {
                self.0.extend(["if", "null"].map(str::to_owned));
            }
            _ => {}
        }
        visit::visit_pat_tuple_struct(self, pattern);
    }
}

/// The operators as `syn` calls them.
const SIGNS: [(&str, &str); 15] = [
    ("Add", "+"),
    ("Sub", "-"),
    ("Mul", "*"),
    ("Div", "/"),
    ("Rem", "%"),
    ("Eq", "=="),
    ("Ne", "!="),
    ("Lt", "<"),
    ("Le", "<="),
    ("Gt", ">"),
    ("Ge", ">="),
    ("And", "&&"),
    ("Or", "||"),
    ("Neg", "-x"),
    ("Not", "!"),
];

/// The operators and the functions that stand in expressions.
#[derive(Default)]
struct Shown(BTreeSet<String>);

impl Visit<'_> for Shown {
    fn visit_bin_op(&mut self, operator: &BinOp) {
        self.0.insert(operator.to_token_stream().to_string());
    }

    fn visit_un_op(&mut self, operator: &UnOp) {
        self.0.insert(match operator {
            UnOp::Neg(_) => "-x".to_owned(),
            _ => operator.to_token_stream().to_string(),
        });
    }

    fn visit_expr_if(&mut self, choice: &syn::ExprIf) {
        self.0.insert("if".to_owned());
        visit::visit_expr_if(self, choice);
    }

    /// `lower` of a call, and `null`.
    fn visit_expr_path(&mut self, path: &syn::ExprPath) {
        self.0.insert(path.to_token_stream().to_string());
    }

    /// `cast(new.n, "text")`
    fn visit_lit(&mut self, literal: &Lit) {
        if let Lit::Str(text) = literal {
            self.0.insert(text.value());
        }
    }
}

/// The page, with a block of SQL below each example that has an upsert.
fn with_sql(page: &str) -> String {
    let mut written = String::new();
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        written += line;
        written.push('\n');
        let Some(language) = line.strip_prefix("```") else {
            continue;
        };
        let code = code_block(&mut lines.by_ref().inspect(|line| {
            written += line;
            written.push('\n');
        }));
        let structs = match language {
            "" => upserts(&code),
            _ => Vec::new(),
        };
        if structs.is_empty() {
            continue;
        }
        // What stands below already says which statement is shown.
        let mut fence = "```sql".to_owned();
        if lines.next_if(|line| line.is_empty()).is_some()
            && let Some(found) = lines.next_if(|line| line.starts_with("```sql"))
        {
            found.clone_into(&mut fence);
            for line in lines.by_ref() {
                if line == "```" {
                    break;
                }
            }
            lines.next_if(|line| line.is_empty());
        }
        let statement = fence.strip_prefix("```sql").unwrap_or_default().trim();
        let statement = if statement.is_empty() {
            "upsert"
        } else {
            statement
        };
        let sql = sql(&structs, statement);
        written += &format!("\n{fence}\n{sql}```\n");
        if lines.peek().is_some() {
            written.push('\n');
        }
    }
    written
}

/// The structs that derive `Upsert` in all examples of a page, but for those that must not compile.
pub(super) fn examples(page: &str) -> Vec<DeriveInput> {
    let mut structs = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            continue;
        };
        let code = code_block(&mut lines);
        if matches!(language, "" | "rust") {
            structs.extend(upserts(&code));
        }
    }
    structs
}

/// The lines up to the fence, without what hides them from the reader.
fn code_block<'a>(lines: &mut impl Iterator<Item = &'a str>) -> String {
    let lines = lines.take_while(|line| *line != "```");
    lines
        .flat_map(|line| [line.strip_prefix("# ").unwrap_or(line), "\n"])
        .collect()
}

/// The structs of an example that derive `Upsert`.
fn upserts(code: &str) -> Vec<DeriveInput> {
    struct Structs(Vec<DeriveInput>);

    impl Visit<'_> for Structs {
        fn visit_item_struct(&mut self, item: &ItemStruct) {
            let derives = |attribute: &syn::Attribute| {
                attribute.path().is_ident("derive")
                    && attribute.to_token_stream().to_string().contains("Upsert")
            };
            if item.attrs.iter().any(derives) {
                let tokens = item.to_token_stream();
                self.0
                    .push(syn::parse2(tokens).expect("a struct is a derive's input"));
            }
        }
    }

    let block: syn::Block = syn::parse_str(&format!("{{{code}}}"))
        .unwrap_or_else(|error| panic!("an example is no Rust: {error}\n{code}"));
    let mut structs = Structs(Vec::new());
    structs.visit_block(&block);
    structs.0
}

/// The statement in the three dialects, of each upsert of each struct.
fn sql(structs: &[DeriveInput], statement: &str) -> String {
    let mut faults = Faults::default();
    let parsed: Vec<_> = structs
        .iter()
        .map(|input| parse::read(input, &mut faults).expect("a struct with fields"))
        .collect();
    let models: Vec<Model> = parsed
        .iter()
        .flat_map(|parsed| model::resolve(parsed, &mut faults))
        .collect();
    assert!(faults.is_empty(), "{}", faults.into_compile_errors());
    let mut sql = String::new();
    for model in &models {
        let texts = write(model);
        let mut upsert = model.derive.ident.to_string();
        if let Some(name) = model.name {
            upsert += &format!("::{}", name.value());
        }
        let of = match models.len() {
            1 => String::new(),
            _ => format!("`{upsert}` on "),
        };
        let asked: String = bounds::capabilities(model)
            .iter()
            .map(|predicate| predicate.to_token_stream().to_string())
            .collect();
        for (place, (database, lacks)) in DATABASES.iter().enumerate() {
            if lacks.iter().any(|capability| asked.contains(capability)) {
                sql += &format!("-- {of}{database}: does not compile\n");
                continue;
            }
            sql += &format!("-- {of}{database}\n");
            for text in shown(&texts, model, place, statement) {
                sql += &broken(&text);
                sql += ";\n";
            }
        }
    }
    sql
}

/// The statement; MySQL reads the row by another one.
fn shown(texts: &Texts, model: &Model, database: usize, statement: &str) -> Vec<String> {
    let find = |statements: &[Statement], name: &str| {
        let found = statements.iter().find(|(other, _)| *other == name);
        let (_, text) = found.unwrap_or_else(|| panic!("no statement is called `{name}`"));
        text.clone()
    };
    let binding = |name: &str| {
        let mut binding = texts.mysql.binding.iter();
        let found = binding.find(|(other, ..)| *other == name);
        found.map(|(_, text, _)| text.clone())
    };
    let mark = |_| "?".to_owned();
    match (database, statement) {
        (0, "upsert_all") if model.bulk == Some(Bulk::Values) => {
            let number = |bind| format!("${}", bind + 1);
            let text = find(&texts.postgres, statement);
            vec![two_rows(&text, &texts.postgres_source, model, number)]
        }
        (0, _) => vec![find(&texts.postgres, statement)],
        (1, "upsert_all") => {
            let text = find(&texts.sqlite, "upsert");
            vec![two_rows(&text, &texts.sqlite_source, model, mark)]
        }
        (1, _) => vec![find(&texts.sqlite, statement)],
        (_, "upsert_all") => {
            let text = binding("upsert").unwrap_or_default();
            vec![two_rows(&text, &texts.mysql.source, model, mark)]
        }
        (_, "upsert_returning") => binding("upsert")
            .into_iter()
            .chain([find(&texts.mysql.plain, "select_locking")])
            .collect(),
        _ => vec![binding(statement).unwrap_or_else(|| find(&texts.mysql.plain, statement))],
    }
}

/// The statement with two rows in its VALUES list, as the core repeats them.
fn two_rows(text: &str, source: &Source, model: &Model, bind: fn(usize) -> String) -> String {
    let binds = model.binds.len();
    let row = |number: usize| {
        let mut parts = source.row.split(MARK).enumerate();
        let (_, first) = parts.next().expect("a row has a beginning");
        parts.fold(first.to_owned(), |row, (place, part)| {
            let slot = source.slots.get(place - 1).copied();
            let bound = bind(number * binds + slot.unwrap_or(place - 1));
            row + &bound + part
        })
    };
    let (head, tail) = (&text[..source.start], &text[source.end..]);
    format!("{head}VALUES {}, {}{tail}", row(0), row(1))
}

/// The text with a line for each clause, for reading only.
fn broken(text: &str) -> String {
    let clauses = [" ON CONFLICT ", " ON DUPLICATE KEY ", " RETURNING "];
    clauses.iter().fold(text.to_owned(), |text, clause| {
        text.replace(clause, &format!("\n{}", clause.trim_start()))
    })
}
