use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", table = "people")]
#[upsert(table = "users")]
struct User {
    email: String,
}

fn main() {}
