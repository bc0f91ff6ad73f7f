use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", constraint = "")]
struct User {
    email: String,
    name: String,
}

fn main() {}
