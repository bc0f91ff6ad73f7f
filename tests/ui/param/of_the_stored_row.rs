use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(param)]
    by: i64,
    #[upsert(update = old.stock + old.by)]
    stock: i64,
}

fn main() {}
