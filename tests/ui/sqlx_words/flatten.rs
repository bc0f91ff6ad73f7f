use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[sqlx(flatten)]
    address: Address,
}

struct Address {
    city: String,
}

fn main() {}
