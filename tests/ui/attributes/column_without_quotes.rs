use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = email)]
struct User {
    email: String,
}

fn main() {}
