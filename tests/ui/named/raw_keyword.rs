use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
#[upsert(name = "r#match")]
struct User {
    email: String,
    name: String,
}

fn main() {}
