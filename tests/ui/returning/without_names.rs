use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", returning = "")]
struct User {
    email: String,
    name: String,
}

fn main() {}
