use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", nulls_not_distinct = true)]
struct User {
    email: Option<String>,
    name: String,
}

fn main() {}
