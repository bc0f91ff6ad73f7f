use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User;

fn main() {}
