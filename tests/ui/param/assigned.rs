use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", set(by = new.stock))]
struct User {
    email: String,
    #[upsert(param)]
    by: i64,
    stock: i64,
}

fn main() {}
