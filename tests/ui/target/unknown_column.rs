use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "emial")]
struct User {
    email: String,
    name: String,
}

fn main() {}
