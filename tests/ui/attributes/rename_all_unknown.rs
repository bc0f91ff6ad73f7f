use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", rename_all = "camel_case")]
struct User {
    email: String,
}

fn main() {}
