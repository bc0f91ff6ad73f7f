use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = coalesc(new.count, old.count))]
    count: i64,
}

fn main() {}
