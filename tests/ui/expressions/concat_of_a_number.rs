use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = concat(old.log, new.count))]
    log: String,
    count: i64,
}

fn main() {}
