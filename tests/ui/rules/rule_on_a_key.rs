use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email, stock", accumulate = "stock")]
struct User {
    email: String,
    stock: i64,
}

fn main() {}
