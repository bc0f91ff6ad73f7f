//! The order of assignments, for databases that assign from left to right.

use crate::expr::Expr;
use crate::model::{Assignment, Guard, Insert};

/// Whether `skip_unchanged` asks if this assignment would change its column: not of clocks, which always would.
pub(crate) fn is_compared(assignment: &Assignment, insert: &Insert) -> bool {
    let clock = matches!(insert, Insert::Clock(_) | Insert::Computed(Expr::Now(_)));
    let takes_it = assignment.value == Expr::new(assignment.column);
    !(clock && takes_it || matches!(assignment.value, Expr::Now(_)))
}

/// Assignments in an order in which they can be made one after the other.
#[derive(Default)]
pub(crate) struct Ordered<'a> {
    pub assignments: Vec<&'a Assignment>,
    /// Whether the guard has to be asked once, before the first assignment: it reads columns that cannot all come last.
    pub asks_once: bool,
}

/// Orders assignments so that each reads only columns that are not assigned yet (its own aside): the readers come before the
/// columns they read. Where two values wait for each other, gives the two columns. The order of the struct is kept as far as
/// it can be.
pub(crate) fn assignment_order<'a>(
    assignments: &'a [Assignment],
    guard: &Guard,
    inserts: &[Insert],
) -> Result<Ordered<'a>, (usize, usize)> {
    let unasked = Guard::default();
    let (assignments, asks_once) = match order_under(assignments, guard, inserts) {
        Ok(ordered) => (ordered, false),
        Err(_) => (order_under(assignments, &unasked, inserts)?, true),
    };
    Ok(Ordered {
        assignments,
        asks_once,
    })
}

/// The order where every assignment asks the guard anew.
fn order_under<'a>(
    assignments: &'a [Assignment],
    guard: &Guard,
    inserts: &[Insert],
) -> Result<Vec<&'a Assignment>, (usize, usize)> {
    let reads: Vec<_> = assignments
        .iter()
        .map(|assignment| {
            (
                assignment.column,
                reads(assignment, assignments, guard, inserts),
            )
        })
        .collect();
    let order = order(reads)?;
    let assigned = |column: usize| {
        assignments
            .iter()
            .find(|assignment| assignment.column == column)
    };
    Ok(order.into_iter().filter_map(assigned).collect())
}

/// The columns that an assignment reads: in its value, in the condition, and, where it is only made when another column
/// changes, all that is compared.
fn reads(
    assignment: &Assignment,
    assignments: &[Assignment],
    guard: &Guard,
    inserts: &[Insert],
) -> Vec<usize> {
    let mut reads = Vec::new();
    assignment.value.reads_old(&mut reads);
    guard
        .condition
        .iter()
        .for_each(|condition| condition.reads_old(&mut reads));
    let compared = |assignment: &Assignment| is_compared(assignment, &inserts[assignment.column]);
    if guard.skip_unchanged && !compared(assignment) {
        for other in assignments.iter().filter(|other| compared(other)) {
            reads.push(other.column);
            other.value.reads_old(&mut reads);
        }
    }
    reads.retain(|&column| column != assignment.column);
    reads
}

/// Orders columns, each given with those it reads.
fn order(mut waiting: Vec<(usize, Vec<usize>)>) -> Result<Vec<usize>, (usize, usize)> {
    let mut ordered = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let is_read = |column: usize| waiting.iter().any(|(_, reads)| reads.contains(&column));
        let Some(free) = waiting.iter().position(|(column, _)| !is_read(*column)) else {
            return Err(cycle(&waiting));
        };
        ordered.push(waiting.remove(free).0);
    }
    Ok(ordered)
}

/// Two neighbours in a cycle. Every waiting column is read by another waiting one, so walking from a column to its reader
/// comes back to where it has been.
fn cycle(waiting: &[(usize, Vec<usize>)]) -> (usize, usize) {
    let mut path = vec![waiting[0].0];
    loop {
        let last = path[path.len() - 1];
        let reader = waiting.iter().find(|(_, reads)| reads.contains(&last));
        let Some(&(reader, _)) = reader else {
            return (last, last);
        };
        if path.contains(&reader) {
            return (reader.min(last), reader.max(last));
        }
        path.push(reader);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn order_of(reads: &[&[usize]]) -> Result<Vec<usize>, (usize, usize)> {
        order(
            reads
                .iter()
                .map(|reads| reads.to_vec())
                .enumerate()
                .collect(),
        )
    }

    #[test]
    fn a_reader_comes_before_what_it_reads() {
        assert_eq!(order_of(&[&[], &[0], &[1]]), Ok(vec![2, 1, 0]));
        assert_eq!(order_of(&[&[], &[], &[]]), Ok(vec![0, 1, 2]));
    }

    #[test]
    fn a_cycle_is_named() {
        assert_eq!(order_of(&[&[1], &[0]]), Err((0, 1)));
        assert_eq!(order_of(&[&[], &[2, 0], &[1]]), Err((1, 2)));
    }

    proptest! {
        /// Assigned from left to right in this order, every expression sees old values alone, or there is a true cycle.
        #[test]
        fn each_assignment_reads_old_values(
            reads in proptest::collection::vec(proptest::collection::vec(0usize..6, 0..3), 6)
        ) {
            let reads: Vec<Vec<usize>> = reads
                .into_iter()
                .enumerate()
                .map(|(column, mut reads)| {
                    reads.retain(|&read| read != column);
                    reads
                })
                .collect();
            match order(reads.iter().cloned().enumerate().collect()) {
                Ok(ordered) => {
                    prop_assert_eq!(ordered.len(), 6);
                    for (place, &column) in ordered.iter().enumerate() {
                        for earlier in &ordered[..place] {
                            prop_assert!(!reads[column].contains(earlier));
                        }
                    }
                }
                Err((one, two)) => {
                    prop_assert_ne!(one, two);
                    prop_assert!(reaches(&reads, one, two) && reaches(&reads, two, one));
                }
            }
        }
    }

    fn reaches(reads: &[Vec<usize>], from: usize, to: usize) -> bool {
        let mut seen = vec![from];
        let mut next = 0;
        while next < seen.len() {
            for &column in &reads[seen[next]] {
                if !seen.contains(&column) {
                    seen.push(column);
                }
            }
            next += 1;
        }
        seen.contains(&to)
    }
}
