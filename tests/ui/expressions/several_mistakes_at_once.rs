use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = coalesce(old.cuont, new.email * 2, total))]
    count: i64,
}

fn main() {}
