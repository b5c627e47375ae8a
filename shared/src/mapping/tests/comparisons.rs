//! Conditions that compare: exactly, as they state, and never a cell that does not read so.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{read, report, semicolons};
use crate::mapping::Outcome;

/// The cells, of those of a column, that a filter with this test takes out.
fn taken_out<'c>(test: &str, bound: &str, read_as: &Value, cells: &[&'c str]) -> Vec<&'c str> {
    let mut mapping = semicolons(json!([{"name": "a", "from": "A", "type": "text"}]));
    mapping["filters"] = json!([{"column": "A", test: bound, "as": read_as, "reason": "r"}]);
    let outcomes = read(format!("A;B\n{};\n", cells.join(";\n")), mapping).unwrap();
    assert_eq!(outcomes.len(), cells.len());
    let taken = outcomes.iter().zip(cells).filter(|(outcome, cell)| match outcome {
        Outcome::Filtered(_) => true,
        Outcome::Record(_) => false,
        Outcome::Error(error) => panic!("{cell}: {}", error.detail),
    });
    taken.map(|(_, cell)| *cell).collect()
}

#[test]
fn cells_are_compared_as_what_they_are() {
    let local = json!({"type": "timestamp", "format": "%d.%m.%Y %H:%M", "time_zone": "Europe/Oslo", "ambiguous": "latest"});
    let offset = json!({"type": "timestamp", "format": "%FT%T%:z"});
    let cases = [
        // As text 9 would be more than 10.
        (json!({"type": "integer"}), "10", vec!["-11", "9", "010", "11"]),
        (
            json!({"type": "integer"}),
            "9223372036854775807",
            vec!["-9223372036854775808", "9223372036854775806"],
        ),
        (
            json!({"type": "decimal", "decimal_mark": ",", "grouping": " "}),
            "1 000,0",
            vec![
                "-2 000",
                "999,99999999999999999999999999",
                "1000",
                "1000,00",
                "1 000,00000000000000000000000000001",
            ],
        ),
        // As binary floats the two would be one.
        (
            json!({"type": "decimal", "decimal_mark": "."}),
            "0.3",
            vec!["0.1", "0.29999999999999998", "0.30", "0.30000000000000002"],
        ),
        (
            json!({"type": "decimal", "decimal_mark": ",", "sign": "trailing", "suffixes": ["kr"]}),
            "5,00 kr",
            vec!["9,00- kr", "4,99", "5 kr", "5,01"],
        ),
        (
            json!({"type": "date", "format": "%d.%m.%Y"}),
            "01.10.2026",
            vec!["31.12.2025", "30.09.2026", "01.10.2026", "02.10.2026", "01.01.2027"],
        ),
        (
            json!({"type": "time", "format": "%I:%M %p"}),
            "12:30 PM",
            vec!["12:29 AM", "11:00 AM", "12:30 PM", "01:00 PM"],
        ),
        (
            json!({"type": "time", "format": "%T%.f"}),
            "06:00:00.5",
            vec!["06:00:00", "06:00:00.499999999", "06:00:00.50", "06:00:00.500000001"],
        ),
        // The clocks go back in between: 02:30 is the second one.
        (
            local,
            "25.10.2026 02:30",
            vec!["25.10.2026 01:59", "25.10.2026 02:29", "25.10.2026 02:30", "25.10.2026 03:00"],
        ),
        (
            offset,
            "2026-10-25T02:30:00+01:00",
            vec![
                "2026-10-25T03:00:00+02:00",
                "2026-10-25T02:30:00+02:00",
                "2026-10-25T01:30:00Z",
                "2026-10-25T01:30:01Z",
            ],
        ),
        (
            json!({"type": "duration", "notations": ["h:mm", "decimal_hours"], "decimal_mark": ","}),
            "7:30",
            vec!["-8:00", "7:29", "7,5", "7,50001", "10:00"],
        ),
    ];
    for (read_as, bound, cells) in cases {
        let of = |test| taken_out(test, bound, &read_as, &cells);
        // Which of the cells are the bound, another test tells.
        let (less, at_most) = (of("less_than"), of("at_most"));
        let (more, at_least) = (of("more_than"), of("at_least"));
        assert!(cells.starts_with(&less) && cells.starts_with(&at_most), "{read_as} {less:?} {at_most:?}");
        assert_eq!(cells[less.len()..], at_least, "{read_as}");
        assert_eq!(cells[at_most.len()..], more, "{read_as}");
        assert!(!less.is_empty(), "{read_as}");
    }
    let equal = |read_as: Value, cells: &[&str]| {
        let (less, most) =
            (taken_out("less_than", "10", &read_as, cells), taken_out("at_most", "10", &read_as, cells));
        most.len() - less.len()
    };
    assert_eq!(equal(json!({"type": "integer"}), &["10", "+10", " 010 ", "9", "11"]), 3);
}

#[test]
fn a_cell_that_cannot_be_compared_is_its_records_error() {
    let mut mapping = semicolons(json!([
        {"name": "a", "from": "A", "type": "text", "pii": true},
        {"name": "b", "from": "B", "type": "text", "when": {"column": "B", "more_than": "1", "as": {"type": "integer"}}}
    ]));
    mapping["filters"] = json!([{"column": "A", "less_than": "5,0", "as": {"type": "decimal", "decimal_mark": ","}, "reason": "r"}]);
    assert_eq!(
        report(&read("A;B\n4;2\n5;2\n5;1\n5.0;2\n123456x;2\n;2\n5;x\n5;\n", mapping.clone()).unwrap()),
        [
            "2 line 2 filtered r: filter 1 on A",
            r#"3 line 3 {"a":"5","b":"2"}"#,
            r#"4 line 4 {"a":"5","b":null}"#,
            r#"5 line 5 error not_a_decimal A: found "•••", which a condition compares; expected a number with ',' as its decimal mark"#,
            r#"6 line 6 error not_a_decimal A: found "12•••", which a condition compares; expected a number with ',' as its decimal mark"#,
            "7 line 7 error required A: found an empty cell, which a condition compares; expected a value",
            r#"8 line 8 error not_an_integer B: found "x", which a condition compares; expected a whole number"#,
            "9 line 9 error required B: found an empty cell, which a condition compares; expected a value",
        ]
        .join("\n")
    );
    // A condition before it decides, and then the cell is not looked at.
    let below = mapping["filters"][0].clone();
    let mut compared = below.as_object().unwrap().clone();
    compared.remove("reason");
    mapping["filters"] = json!([{"all": [{"column": "A", "not_empty": true}, compared], "reason": "r"}]);
    assert_eq!(report(&read("A;B\n;2\n", mapping.clone()).unwrap()), r#"2 line 2 {"a":null,"b":"2"}"#);
    mapping["filters"] = json!([{"any": [{"column": "A", "empty": true}, compared], "reason": "r"}]);
    assert_eq!(report(&read("A;B\n;2\n", mapping).unwrap()), "2 line 2 filtered r: filter 1");
}

proptest! {
    /// Hundredths are an independent order.
    #[test]
    fn decimals_are_in_the_order_of_their_hundredths(cells in prop::collection::vec(-100_000i64..100_000, 1..20), bound in -100_000i64..100_000) {
        let text = |n: i64| format!("{}{},{:02}", if n < 0 { "-" } else { "" }, n.abs() / 100, n.abs() % 100);
        let texts: Vec<String> = cells.iter().map(|n| text(*n)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let taken = taken_out("at_most", &text(bound), &json!({"type": "decimal", "decimal_mark": ","}), &texts);
        let expected: Vec<&str> =
            cells.iter().zip(&texts).filter(|(n, _)| **n <= bound).map(|(_, text)| *text).collect();
        prop_assert_eq!(taken, expected);
    }
}
