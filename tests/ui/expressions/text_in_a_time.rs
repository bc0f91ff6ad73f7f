use chrono::NaiveDateTime;
use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "id", set(seen_at = "2026-01-01 00:00:00"), update_where(old.seen_at < "tomorrow"))]
struct Visit {
    id: i64,
    seen_at: NaiveDateTime,
}

fn main() {}
