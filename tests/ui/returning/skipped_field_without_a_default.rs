use upsert::Upsert;

struct Cache(i64);

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(skip)]
    cache: Cache,
}

fn main() {}
