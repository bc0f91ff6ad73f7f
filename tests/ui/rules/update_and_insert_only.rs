use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(insert_only, update = new.count)]
    count: i64,
}

fn main() {}
