//! Random expressions, and rows for them to be about.

use proptest::prelude::*;
use proptest::sample::select;

use super::evaluate::Values;
use super::tree::{Place, Tree, Ty, Value};

#[derive(Clone, Debug)]
pub(super) struct Case {
    pub tree: Tree,
    pub place: Place,
    /// The type of the field that takes the result.
    pub result: &'static str,
    pub old: Values,
    pub new: Values,
}

const DEPTH: usize = 4;

pub(super) fn case() -> impl Strategy<Value = Case> {
    let place =
        prop_oneof![3 => Just(Place::Update), 1 => Just(Place::Insert), 1 => Just(Place::Where)];
    place.prop_flat_map(|place| {
        let levels = Levels::of(place);
        let tree = match place {
            Place::Where => levels
                .bools
                .clone()
                .prop_map(|tree| (tree, "Option<i64>"))
                .boxed(),
            _ => prop_oneof![
                levels
                    .integers
                    .clone()
                    .prop_map(|tree| (tree, "Option<i64>")),
                levels
                    .integers
                    .clone()
                    .prop_map(|tree| (tree, "Option<i32>")),
                levels
                    .integers
                    .clone()
                    .prop_map(|tree| (tree, "Option<i16>")),
                levels.floats.clone().prop_map(|tree| (tree, "Option<f64>")),
                levels
                    .texts
                    .clone()
                    .prop_map(|tree| (tree, "Option<String>")),
                levels.bools.clone().prop_map(|tree| (tree, "Option<bool>")),
            ]
            .boxed(),
        };
        (tree, row(), row()).prop_map(move |((tree, result), old, new)| Case {
            tree,
            place,
            result,
            old,
            new,
        })
    })
}

/// Values of every field, with many that are close to an edge.
fn row() -> impl Strategy<Value = Values> {
    let nullable =
        |value: BoxedStrategy<Value>| prop_oneof![1 => Just(Value::Null), 5 => value].boxed();
    let wide = || {
        let edges = [
            i64::MAX,
            i64::MIN,
            i64::MAX - 1,
            2_147_483_647,
            3_000_000_000,
            -3_000_000_000,
        ];
        nullable(
            prop_oneof![4 => -8_i64..9, 1 => select(edges.to_vec())]
                .prop_map(Value::Int)
                .boxed(),
        )
    };
    let narrow =
        prop_oneof![4 => -8_i64..9, 1 => select(vec![i64::from(i32::MAX), i64::from(i32::MIN)])];
    let narrow = nullable(narrow.prop_map(Value::Int).boxed());
    let short =
        prop_oneof![4 => -8_i64..9, 1 => select(vec![i64::from(i16::MAX), i64::from(i16::MIN)])];
    let short = nullable(short.prop_map(Value::Int).boxed());
    let float = || {
        let values = [
            0.0,
            0.5,
            -0.5,
            1.5,
            2.5,
            -2.5,
            3.0,
            -7.25,
            100.0,
            1e10,
            1e200,
            -1e200,
            // The largest number with a half, and an odd one that has no room for any.
            4_503_599_627_370_495.5,
            -4_503_599_627_370_497.0,
        ];
        nullable(select(values.to_vec()).prop_map(Value::Float).boxed())
    };
    let text = || {
        nullable(
            select(TEXTS.to_vec())
                .prop_map(|text| Value::Text(text.to_owned()))
                .boxed(),
        )
    };
    let bool = || nullable(any::<bool>().prop_map(Value::Bool).boxed());
    let columns = (
        wide(),
        wide(),
        narrow,
        short,
        float(),
        float(),
        text(),
        text(),
        bool(),
        bool(),
    );
    let params = (wide(), float(), text(), bool());
    (columns, params).prop_map(|((a, b, c, d, f, g, s, t, p, q), (n, h, u, v))| {
        let names = [
            "a", "b", "c", "d", "f", "g", "s", "t", "p", "q", "n", "h", "u", "v",
        ];
        let values = [a, b, c, d, f, g, s, t, p, q, n, h, u, v];
        names.into_iter().zip(values).collect()
    })
}

/// None ends in a space: some collations would not see it.
const TEXTS: [&str; 14] = [
    "",
    "a",
    "b",
    "ab",
    "Zebra",
    "éa",
    "日本",
    "it's",
    "back\\slash",
    "100%",
    "what?",
    "$1",
    "{old.a}",
    "\"--",
];

/// Expressions of one depth, by what they give.
#[derive(Clone)]
struct Levels {
    integers: BoxedStrategy<Tree>,
    floats: BoxedStrategy<Tree>,
    texts: BoxedStrategy<Tree>,
    bools: BoxedStrategy<Tree>,
}

impl Levels {
    fn of(place: Place) -> Self {
        let mut level = Self::leaves(place);
        for _ in 1..DEPTH {
            level = level.next(place);
        }
        level
    }

    fn leaves(place: Place) -> Self {
        Self {
            integers: prop_oneof![
                4 => columns(place, &["a", "b", "c", "d", "n"], Ty::Int),
                1 => prop_oneof![0_i64..10, Just(2_000_000_000), Just(i64::MAX)].prop_map(|value| Tree::Literal(Value::Int(value))),
            ]
            .boxed(),
            floats: prop_oneof![
                4 => columns(place, &["f", "g", "h"], Ty::Float),
                1 => select(vec![0.5, 1.5, 3.0, 100.25]).prop_map(|value| Tree::Literal(Value::Float(value))),
            ]
            .boxed(),
            texts: prop_oneof![
                3 => columns(place, &["s", "t", "u"], Ty::Text),
                1 => select(TEXTS.to_vec()).prop_map(|text| Tree::Literal(Value::Text(text.to_owned()))),
            ]
            .boxed(),
            bools: prop_oneof![
                4 => columns(place, &["p", "q", "v"], Ty::Bool),
                1 => any::<bool>().prop_map(|value| Tree::Literal(Value::Bool(value))),
            ]
            .boxed(),
        }
    }

    fn next(&self, place: Place) -> Self {
        let (int, float, text, bool) = (&self.integers, &self.floats, &self.texts, &self.bools);
        let number = prop_oneof![int.clone(), float.clone()].boxed();
        // Without a column a database may compute it once and for all, branch or not.
        let computed =
            |operators: &[&'static str], left: BoxedStrategy<Tree>, right: BoxedStrategy<Tree>| {
                let with_column = left.prop_filter("a column", has_column);
                (select(operators.to_vec()), with_column, right)
                    .prop_map(|(operator, left, right)| binary(operator, left, right))
            };
        let compared = &["==", "!=", "<", "<=", ">", ">="];
        // The collation of a comparison is a column's; in an insert there are none.
        let text_column = columns(place, &["s", "t"], Ty::Text);
        let compared_texts = |texts: BoxedStrategy<Tree>| match place {
            Place::Insert => bool.clone(),
            _ => texts,
        };
        let chosen_text = (
            select(vec!["greatest", "least", "nullif"]),
            text_column.clone(),
            text.clone(),
        )
            .prop_map(|(name, one, two)| Tree::Call(name, vec![one, two]));
        let chosen_text = match place {
            Place::Insert => text.clone(),
            _ => chosen_text.boxed(),
        };
        Self {
            integers: prop_oneof![
                2 => int.clone(),
                3 => computed(&["+", "-", "*"], int.clone(), int.clone()),
                2 => computed(&["/", "%"], int.clone(), int.clone()),
                1 => int.clone().prop_filter("a column", has_column).prop_map(|inner| Tree::Negate(Box::new(inner))),
                1 => shared(int, bool),
                1 => call("abs", vec![int.clone().prop_filter("a column", has_column).boxed()]),
                1 => call("round", vec![int.clone()]),
                1 => call("length", vec![text.clone()]),
                1 => float.clone().prop_filter("a column", has_column).prop_map(|inner| Tree::Cast(Box::new(inner), "integer")),
            ]
            .boxed(),
            floats: prop_oneof![
                2 => float.clone(),
                3 => computed(&["+", "-", "*", "/"], float.clone(), number.clone()),
                2 => computed(&["+", "-", "*", "/"], number.clone(), float.clone()),
                1 => float.clone().prop_filter("a column", has_column).prop_map(|inner| Tree::Negate(Box::new(inner))),
                1 => shared(float, bool),
                1 => call("abs", vec![float.clone()]),
                1 => call("round", vec![float.clone()]),
                1 => int.clone().prop_map(|inner| Tree::Cast(Box::new(inner), "float")),
                1 => call("coalesce", vec![int.clone(), float.clone()]),
                1 => call("greatest", vec![float.clone(), int.clone()]),
            ]
            .boxed(),
            texts: prop_oneof![
                2 => text.clone(),
                2 => call("concat", vec![text.clone(), text.clone()]),
                1 => call("concat", vec![text.clone(), text.clone(), text.clone()]),
                1 => call("lower", vec![text.clone()]),
                1 => call("upper", vec![text.clone()]),
                1 => call("coalesce", vec![text.clone(), text.clone()]),
                2 => chosen_text,
                1 => branch(bool, text, text),
                1 => int.clone().prop_map(|inner| Tree::Cast(Box::new(inner), "text")),
            ]
            .boxed(),
            bools: prop_oneof![
                1 => bool.clone(),
                3 => (select(compared.to_vec()), int.clone(), number.clone()).prop_map(|(operator, one, two)| binary(operator, one, two)),
                2 => (select(compared.to_vec()), number.clone(), float.clone()).prop_map(|(operator, one, two)| binary(operator, one, two)),
                1 => compared_texts(
                    (select(compared.to_vec()), text_column.clone(), text.clone())
                        .prop_map(|(operator, one, two)| binary(operator, one, two))
                        .boxed()
                ),
                1 => (select(vec!["==", "!="]), bool.clone(), bool.clone()).prop_map(|(operator, one, two)| binary(operator, one, two)),
                3 => (select(vec!["&&", "||"]), bool.clone(), bool.clone()).prop_map(|(operator, one, two)| binary(operator, one, two)),
                1 => bool.clone().prop_map(|inner| Tree::Not(Box::new(inner))),
                1 => branch(bool, bool, bool),
                1 => call("coalesce", vec![bool.clone(), bool.clone()]),
                1 => call("is_null", vec![prop_oneof![int.clone(), text.clone(), bool.clone(), float.clone()].boxed()]),
                1 => call("distinct", vec![number.clone(), number.clone()]),
                1 => call("distinct", vec![bool.clone(), bool.clone()]),
                1 => compared_texts(call("distinct", vec![text_column, text.clone()])),
            ]
            .boxed(),
        }
    }
}

/// What numbers of one kind have: the functions that choose, and branches.
fn shared(number: &BoxedStrategy<Tree>, bool: &BoxedStrategy<Tree>) -> BoxedStrategy<Tree> {
    let null = || Just(Tree::Literal(Value::Null)).boxed();
    let (one, two, three) = (number.clone(), number.clone(), number.clone());
    let or_null = prop_oneof![4 => number.clone(), 1 => null()].boxed();
    prop_oneof![
        (
            select(vec!["coalesce", "greatest", "least", "nullif"]),
            one.clone(),
            or_null.clone()
        )
            .prop_map(|(name, one, two)| Tree::Call(name, vec![one, two])),
        (
            select(vec!["coalesce", "greatest", "least"]),
            one.clone(),
            two,
            three
        )
            .prop_map(|(name, one, two, three)| Tree::Call(name, vec![one, two, three])),
        branch(bool, &one, &or_null),
        branch(bool, &or_null, &one),
    ]
    .boxed()
}

fn columns(place: Place, names: &[&'static str], ty: Ty) -> BoxedStrategy<Tree> {
    let sides = if place == Place::Insert {
        vec!["new"]
    } else {
        vec!["old", "new"]
    };
    (select(sides), select(names.to_vec()))
        .prop_map(move |(side, name)| {
            let side = if super::PARAMS.contains(&name) {
                "new"
            } else {
                side
            };
            Tree::Column(side, name, ty)
        })
        .boxed()
}

fn binary(operator: &'static str, left: Tree, right: Tree) -> Tree {
    Tree::Binary(operator, Box::new([left, right]))
}

fn branch(
    condition: &BoxedStrategy<Tree>,
    then: &BoxedStrategy<Tree>,
    otherwise: &BoxedStrategy<Tree>,
) -> BoxedStrategy<Tree> {
    (condition.clone(), then.clone(), otherwise.clone())
        .prop_map(|(condition, then, otherwise)| Tree::If(Box::new([condition, then, otherwise])))
        .boxed()
}

fn call(name: &'static str, values: Vec<BoxedStrategy<Tree>>) -> BoxedStrategy<Tree> {
    values
        .prop_map(move |values| Tree::Call(name, values))
        .boxed()
}

fn has_column(tree: &Tree) -> bool {
    matches!(tree, Tree::Column(..)) || tree.parts().iter().any(has_column)
}
