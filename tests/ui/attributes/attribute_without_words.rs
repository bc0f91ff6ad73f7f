use upsert::Upsert;

#[derive(Upsert)]
#[upsert]
struct User {
    email: String,
}

fn main() {}
