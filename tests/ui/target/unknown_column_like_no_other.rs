use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "xyz")]
struct User {
    email: String,
    name: String,
}

fn main() {}
