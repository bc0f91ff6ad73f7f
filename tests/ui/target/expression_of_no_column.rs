use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "lower(emial)")]
struct User {
    email: String,
    name: String,
}

fn main() {}
