use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "slug", bulk = "unnest")]
struct Post {
    slug: String,
    tags: Vec<String>,
}

fn main() {}
