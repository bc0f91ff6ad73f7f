use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", returning = "email", returning = "name")]
struct User {
    email: String,
    name: String,
}

fn main() {}
