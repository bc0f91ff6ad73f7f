use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "id", set(hash = "none"))]
struct Page {
    id: i64,
    #[upsert(json, update = "{}")]
    tags: Vec<String>,
    hash: Vec<u8>,
}

fn main() {}
