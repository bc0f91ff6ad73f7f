use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email" table = "people")]
struct User {
    email: String,
}

fn main() {}
