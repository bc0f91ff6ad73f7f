use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "id")]
union User {
    id: i64,
    bits: u64,
}

fn main() {}
