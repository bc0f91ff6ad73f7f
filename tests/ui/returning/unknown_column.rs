use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", returning = "emial, name")]
struct User {
    email: String,
    name: String,
}

fn main() {}
