use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
#[upsert(name = "get_or_insert")]
struct User {
    email: String,
    name: String,
}

fn main() {}
