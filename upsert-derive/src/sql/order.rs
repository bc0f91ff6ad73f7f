//! The order of assignments, for databases that assign from left to right.

use crate::model::Assignment;

/// Orders assignments so that each reads only columns that are not assigned yet (its own aside). Where two wait for each
/// other, gives the two columns.
///
/// The order of the struct is kept as far as it can be.
pub(crate) fn assignment_order(
    assignments: &[Assignment],
) -> Result<Vec<&Assignment>, (usize, usize)> {
    let mut waiting: Vec<(&Assignment, Vec<usize>)> = assignments
        .iter()
        .map(|assignment| {
            let mut reads = Vec::new();
            assignment.value.reads_old(&mut reads);
            reads.retain(|&column| column != assignment.column);
            (assignment, reads)
        })
        .collect();
    let mut ordered = Vec::with_capacity(assignments.len());
    while !waiting.is_empty() {
        let is_read = |column: usize| waiting.iter().any(|(_, reads)| reads.contains(&column));
        let Some(free) = waiting
            .iter()
            .position(|(assignment, _)| !is_read(assignment.column))
        else {
            return Err(cycle(&waiting));
        };
        ordered.push(waiting.remove(free).0);
    }
    // What is free to be assigned is what nobody reads any more: the readers come before the columns they read.
    Ok(ordered)
}

/// A column, and one it reads, that are both part of a cycle.
fn cycle(waiting: &[(&Assignment, Vec<usize>)]) -> (usize, usize) {
    let reads_of = |column: usize| {
        let entry = waiting
            .iter()
            .find(|(assignment, _)| assignment.column == column);
        entry.map_or(&[][..], |(_, reads)| &reads[..])
    };
    // Every waiting column is read by another one, so walking from reader to read column need not end in a cycle; walking
    // from a column to its reader does.
    let mut path = vec![waiting[0].0.column];
    loop {
        let last = path[path.len() - 1];
        let reader = waiting
            .iter()
            .map(|(assignment, _)| assignment.column)
            .find(|&column| reads_of(column).contains(&last));
        let Some(reader) = reader else {
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
    use crate::expr::Expr;
    use proptest::prelude::*;

    fn reading(column: usize, others: &[usize]) -> Assignment {
        let value = Expr::Coalesce(others.iter().map(|&other| Expr::old(other)).collect());
        Assignment { column, value }
    }

    fn order(assignments: &[Assignment]) -> Result<Vec<usize>, (usize, usize)> {
        assignment_order(assignments)
            .map(|ordered| ordered.iter().map(|assignment| assignment.column).collect())
    }

    #[test]
    fn a_reader_comes_before_what_it_reads() {
        assert_eq!(
            order(&[reading(0, &[]), reading(1, &[0]), reading(2, &[1])]),
            Ok(vec![2, 1, 0])
        );
        assert_eq!(
            order(&[reading(0, &[0]), reading(1, &[]), reading(2, &[])]),
            Ok(vec![0, 1, 2])
        );
    }

    #[test]
    fn a_cycle_is_named() {
        assert_eq!(order(&[reading(0, &[1]), reading(1, &[0])]), Err((0, 1)));
        assert_eq!(
            order(&[reading(0, &[]), reading(1, &[2, 0]), reading(2, &[1])]),
            Err((1, 2))
        );
    }

    proptest! {
        /// Assigned from left to right in this order, every expression sees old values alone, or there is a true cycle.
        #[test]
        fn each_assignment_reads_old_values(reads in proptest::collection::vec(proptest::collection::vec(0usize..6, 0..3), 6)) {
            let assignments: Vec<_> = reads.iter().enumerate().map(|(column, reads)| reading(column, reads)).collect();
            match order(&assignments) {
                Ok(ordered) => {
                    prop_assert_eq!(ordered.len(), 6);
                    for (place, &column) in ordered.iter().enumerate() {
                        for &earlier in &ordered[..place] {
                            prop_assert!(!reads[column].contains(&earlier));
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
                if column != seen[next] && !seen.contains(&column) {
                    seen.push(column);
                }
            }
            next += 1;
        }
        seen[1..].contains(&to)
    }
}
