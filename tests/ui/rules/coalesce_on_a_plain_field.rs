use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", coalesce = "name")]
struct User {
    email: String,
    name: String,
}

fn main() {}
