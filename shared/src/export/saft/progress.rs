//! How far a file of SAF-T is: which elements around records are open, and which transactions it has.

use std::collections::HashSet;

use crate::export::Unfit;

/// Most transactions of a file: each is remembered, so that none is there twice.
const MOST_TRANSACTIONS: usize = 250_000;

/// The elements around a record, which it may share with those before it.
#[derive(Clone, Debug, Default)]
pub(in crate::export) struct Group {
    /// How each begins, with what it has of the record, from the outermost.
    pub(super) around: Vec<String>,
    /// What tells its transaction from all others, where it has one.
    pub(super) transaction: Option<[u8; 16]>,
    /// Whether it is all of its transaction.
    pub(super) is_whole: bool,
}

/// How far a file is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::export) struct Progress {
    /// How the elements begin that are open, from the outermost.
    pub(super) open: Vec<String>,
    /// The transactions that are there.
    transactions: HashSet<[u8; 16]>,
}

impl Progress {
    /// How many transactions there are.
    pub(super) fn transactions(&self) -> usize {
        self.transactions.len()
    }

    /// Says whether a record can be the next: not where its transaction has ended.
    pub(in crate::export) fn takes(&self, group: &Group) -> Result<(), Unfit> {
        let Some(transaction) = &group.transaction else { return Ok(()) };
        let goes_on = !group.is_whole && self.open == group.around;
        if self.transactions.contains(transaction) {
            return if goes_on { Ok(()) } else { Err(Unfit::TransactionHasEnded) };
        }
        if self.transactions.len() == MOST_TRANSACTIONS {
            return Err(Unfit::TooManyTransactions(MOST_TRANSACTIONS));
        }
        Ok(())
    }

    /// Takes a record.
    pub(in crate::export) fn add(&mut self, group: &Group) {
        self.transactions.extend(group.transaction);
        if self.open != group.around {
            self.open.clone_from(&group.around);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_each_transaction_once_and_no_more_than_so_many() {
        let group = |number: usize| {
            let mut transaction = [0; 16];
            transaction[..8].copy_from_slice(&number.to_be_bytes());
            Group { around: vec![number.to_string()], transaction: Some(transaction), is_whole: false }
        };
        let mut progress = Progress::default();
        for number in 0..MOST_TRANSACTIONS {
            assert_eq!(progress.takes(&group(number)), Ok(()));
            progress.add(&group(number));
        }
        assert_eq!(progress.transactions(), MOST_TRANSACTIONS);
        assert_eq!(progress.takes(&group(MOST_TRANSACTIONS - 1)), Ok(()), "the one at hand goes on");
        assert_eq!(progress.takes(&group(0)), Err(Unfit::TransactionHasEnded));
        let whole = Group { is_whole: true, ..group(MOST_TRANSACTIONS - 1) };
        assert_eq!(progress.takes(&whole), Err(Unfit::TransactionHasEnded));
        let next = progress.takes(&group(MOST_TRANSACTIONS));
        assert_eq!(next, Err(Unfit::TooManyTransactions(MOST_TRANSACTIONS)));
        assert_eq!(progress.takes(&Group::default()), Ok(()), "an account has no transaction");
    }
}
