use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", table = "shop.auth.users")]
struct User {
    email: String,
}

fn main() {}
