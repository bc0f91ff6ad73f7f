use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", accumulate = "stok")]
struct User {
    email: String,
    stock: i64,
}

fn main() {}
