use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict)]
struct User {
    email: String,
}

fn main() {}
