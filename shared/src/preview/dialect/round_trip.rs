//! Whatever a writer of CSV writes is guessed so that its cells come back: how often.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;

/// How many tables are written and guessed.
const TABLES: usize = 1500;
/// How many of a hundred must come back, cell for cell.
const AT_LEAST: usize = 99;

/// How a table is written.
#[derive(Clone, Copy, Debug)]
struct Writing {
    delimiter: u8,
    quote: u8,
    is_escaped: bool,
    quotes_all: bool,
    ends_with_crlf: bool,
}

fn writing() -> impl Strategy<Value = Writing> {
    let delimiter = prop::sample::select(b",;\t|".to_vec());
    let quote = prop_oneof![4 => Just(b'"'), 1 => Just(b'\'')];
    (delimiter, quote, prop::bool::weighted(0.2), any::<bool>(), any::<bool>()).prop_map(
        |(delimiter, quote, is_escaped, quotes_all, ends_with_crlf)| Writing {
            delimiter,
            quote,
            is_escaped,
            quotes_all,
            ends_with_crlf,
        },
    )
}

/// Columns of values and of any text, values among them at least two.
fn table() -> impl Strategy<Value = Vec<Vec<String>>> {
    let value = || {
        prop_oneof![
            Just("[1-9][0-9]{0,5}"),
            Just("-?[0-9]{1,4}[.][0-9]{2}"),
            Just("20[0-2][0-9]-0[1-9]-[0-2][1-8]"),
            Just("[0-2][1-8][.]0[1-9][.]20[0-2][0-9]"),
            Just("0[0-9]:[0-5][0-9]"),
        ]
    };
    let text = Just("([a-zA-ZæøåÆØÅ0-9 ,;|.\"'\n-]{0,16})");
    let columns = (prop::collection::vec(value(), 2..5), prop::collection::vec(text, 0..4));
    (columns, 3..12usize, any::<prop::sample::Index>()).prop_flat_map(|((values, texts), rows, turn)| {
        let mut columns: Vec<&str> = [values, texts].concat();
        let by = turn.index(columns.len());
        columns.rotate_left(by);
        let cells: Vec<_> = columns
            .iter()
            .map(|pattern| prop::string::string_regex(pattern).expect("it is a pattern"))
            .collect();
        (Just(columns.len()), prop::collection::vec(cells, rows)).prop_map(|(width, rows)| {
            let names = (0..width).map(|at| format!("column {}", (b'a' + at as u8) as char)).collect();
            std::iter::once(names).chain(rows).collect()
        })
    })
}

fn written(rows: &[Vec<String>], way: Writing) -> String {
    let mut writer = csv::WriterBuilder::new()
        .delimiter(way.delimiter)
        .quote(way.quote)
        .double_quote(!way.is_escaped)
        .escape(b'\\')
        .quote_style(if way.quotes_all { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary })
        .terminator(if way.ends_with_crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') })
        .from_writer(Vec::new());
    rows.iter().for_each(|row| writer.write_record(row).unwrap());
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

fn comes_back(rows: &[Vec<String>], way: Writing) -> bool {
    let text = written(rows, way);
    let (guess, table) = guess(&text, false);
    let read: Vec<Vec<&str>> =
        table.records.iter().map(|record| record.cells.iter().map(|cell| &*cell.text).collect()).collect();
    guess.value.header && read == rows
}

#[test]
fn what_is_written_comes_back() {
    let mut runner = TestRunner::deterministic();
    let mut lost = Vec::new();
    for _ in 0..TABLES {
        let (rows, way) = (table(), writing()).new_tree(&mut runner).unwrap().current();
        if !comes_back(&rows, way) {
            lost.push((way, written(&rows, way)));
        }
    }
    println!("{} of {TABLES} tables come back", TABLES - lost.len());
    assert!(
        (TABLES - lost.len()) * 100 >= TABLES * AT_LEAST,
        "{} are lost, such as {:#?}",
        lost.len(),
        &lost[..3]
    );
}
