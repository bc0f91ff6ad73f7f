use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", rename = "people")]
struct User {
    email: String,
}

fn main() {}
