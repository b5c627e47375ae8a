use super::*;

fn guessed(name: &str, cells: &[&str]) -> ColumnGuess {
    let mut column = Cells::new(name);
    for (at, cell) in cells.iter().enumerate() {
        column.push(at as u64 + 2, cell);
    }
    guess(&[column], "Europe/Oslo").remove(0)
}

#[test]
fn columns_are_what_their_cells_fit() {
    use Kind::*;
    let cases: [(&str, &[&str], Kind, &str); 33] = [
        ("x", &["", " "], Empty, ""),
        ("count", &["1", "2", "2", "-5"], Integer, ""),
        ("ansattnr", &["12", "13", "13"], Identifier, ""),
        ("x", &["0042", "0043", "12", "12"], Identifier, ""),
        ("x", &["12345678901234567", "1", "1"], Identifier, ""),
        ("x", &["5001", "5002", "5007"], Identifier, ""),
        ("ref", &["A-1", "A-2", "B-17"], Identifier, ""),
        ("x", &["7,5", "8", "10,25"], Decimal, ","),
        ("x", &["7.5", "8", "10.25"], Decimal, "."),
        ("x", &["1.234,50", "7,25"], Decimal, ", ."),
        ("x", &["1,234.50", "7.25"], Decimal, ". ,"),
        ("x", &["1 234,50", "7,25"], Decimal, ",  "),
        ("x", &["1\u{a0}234,50", "\u{2212}7,25"], Decimal, ",  "),
        ("x", &["1'234.50", "7.25"], Decimal, ". '"),
        ("x", &["true", "false", "true"], Boolean, ""),
        ("x", &["Ja", "Nei", "Ja", "NULL"], Boolean, ""),
        ("x", &["J", "N", "N"], Boolean, ""),
        ("x", &["0", "1", "1"], Integer, ""),
        ("x", &["2026-01-31", "2026-02-01"], Date, "%Y-%m-%d"),
        ("x", &["31.01.2026", "01.02.2026"], Date, "%d.%m.%Y"),
        ("x", &["1.2.2026", "3.4.2026"], Date, "%d.%m.%Y"),
        ("x", &["01/31/2026", "02/01/2026"], Date, "%m/%d/%Y"),
        ("x", &["20260131", "20260201", "20260201"], Date, "%Y%m%d"),
        ("x", &["31 Jan 2026", "1 Feb 2026"], Date, "%d %b %Y"),
        ("x", &["31.01.26", "01.02.26"], Date, "%d.%m.%y"),
        ("x", &["2026-01-31 10:00", "2026-02-01 23:59"], Timestamp, "%Y-%m-%d %H:%M"),
        ("x", &["2026-01-31T10:00:00Z", "2026-02-01T00:00:00+02:00"], Timestamp, "%Y-%m-%dT%H:%M:%S%:z"),
        ("x", &["1/31/2026 9:05 AM", "2/1/2026 12:00 PM"], Timestamp, "%m/%d/%Y %I:%M %p"),
        ("x", &["09:00", "23:59"], Time, "%H:%M"),
        ("x", &["37:30", "100:15"], Duration, ""),
        ("x", &["PT7H30M", "P1DT2H"], Duration, ""),
        (
            "x",
            &["Oslo", "Bodø", "Oslo", "Oslo", "Bodø", "Oslo", "Oslo", "Oslo", "Oslo", "Oslo"],
            Enumeration,
            "",
        ),
        ("x", &["Åse Berg", "Kari Li"], Text, ""),
    ];
    for (name, cells, kind, detail) in cases {
        let found = guessed(name, cells);
        let value = &found.kind.value;
        let of = |part: &Option<String>| part.clone().unwrap_or_default();
        let stated = match &value.grouping {
            Some(grouping) => format!("{} {grouping}", of(&value.decimal_mark)),
            None => of(&value.decimal_mark) + &of(&value.format),
        };
        assert_eq!((value.kind, stated.as_str()), (kind, detail), "{cells:?} {found:#?}");
        assert!(found.kind.confidence < 1.0);
        assert_eq!(found.filled + found.empty, cells.len());
    }
}

#[test]
fn what_a_sample_leaves_open_has_rivals() {
    let found = guessed("x", &["01/02/2026", "03/04/2026"]);
    let formats: Vec<_> =
        found.kind.rivals.iter().filter_map(|rival| rival.value.format.as_deref()).collect();
    assert!(found.kind.confidence < 0.6, "{found:#?}");
    assert_eq!(found.kind.value.format.as_deref(), Some("%d/%m/%Y"));
    assert_eq!(formats, ["%m/%d/%Y"]);
    let found = guessed("x", &["13/02/2026", "03/04/2026"]);
    assert_eq!(found.kind.rivals, []);
    let grouped = guessed("x", &["1.234", "5.678", "5.678"]);
    assert_eq!(grouped.kind.value.decimal_mark.as_deref(), Some("."));
    let rival = &grouped.kind.rivals[0].value;
    assert_eq!((rival.decimal_mark.as_deref(), rival.grouping.as_deref()), (Some(","), Some(".")));
    assert!(guessed("x", &["0", "1", "1"]).kind.rivals.iter().any(|rival| rival.value.kind == Kind::Boolean));
    assert_eq!(guessed("nr", &["12", "13"]).kind.rivals[0].value.kind, Kind::Integer);
}

#[test]
fn a_neighbour_settles_the_order_of_day_and_month() {
    let column = |name: &str, cells: &[&'static str]| {
        let mut column = Cells::new(name);
        cells.iter().for_each(|cell| column.push(2, cell));
        column
    };
    for (other, format) in [("31/01/2026", "%d/%m/%Y"), ("01/31/2026", "%m/%d/%Y")] {
        let columns = [column("from", &["01/02/2026", "03/04/2026"]), column("to", &[other])];
        let found = guess(&columns, "UTC").remove(0);
        assert_eq!((found.kind.value.format.as_deref(), found.kind.confidence), (Some(format), 0.9));
        assert!(
            found.kind.reason.ends_with("column \"to\" of the same file settles the order of day and month")
        );
    }
}

#[test]
fn evidence_is_counted_and_what_does_not_fit_is_shown() {
    let mut cells: Vec<String> = (0..40).map(|n| format!("{n},5")).collect();
    cells.extend(["N/A".into(), "twelve".into(), String::new()]);
    let found = guessed("hours", &cells.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((found.kind.value.kind, found.filled, found.empty, found.fit), (Kind::Decimal, 42, 1, 40));
    assert!(found.kind.reason.starts_with("40 of 42 cells fit, 1 are empty"), "{}", found.kind.reason);
    let shown: Vec<_> = found.counterexamples.iter().map(|e| (e.line, e.cell.as_str())).collect();
    assert_eq!(shown, [(42, "N/A"), (43, "twelve")]);
}

#[test]
fn a_zone_is_a_suggestion_and_times_may_speak_against_it() {
    let found = guessed("at", &["2027-03-28 02:30", "2027-03-28 04:00"]);
    assert_eq!(found.kind.value.time_zone.as_deref(), Some("Europe/Oslo"));
    assert!(
        found.kind.reason.contains("is a suggestion, against which speaks that 1 of"),
        "{}",
        found.kind.reason
    );
    assert_eq!(found.kind.value.kind, Kind::Timestamp);
}
