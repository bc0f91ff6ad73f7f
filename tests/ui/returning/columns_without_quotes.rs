use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", returning = email)]
struct User {
    email: String,
    name: String,
}

fn main() {}
