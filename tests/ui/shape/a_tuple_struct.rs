use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User(String, i64);

fn main() {}
