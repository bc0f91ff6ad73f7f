use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = old.count / new.count)]
    count: Cents,
}

type Cents = i64;

fn main() {}
