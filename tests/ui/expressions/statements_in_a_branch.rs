use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = if old.count > 9 { let zero = 0; zero } else { new.count })]
    count: i64,
}

fn main() {}
