//! The state against a plain map, and its bytes against what was written before.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn hash(n: u8) -> Hash {
    Hash([n; 16])
}

fn acknowledged(key: u8, payload: u8, taken_at: i64, target_id: Option<&str>) -> Acknowledged {
    Acknowledged {
        key: hash(key),
        payload: hash(payload),
        taken_at,
        source_id: format!("s-{key}"),
        target_id: target_id.map(Into::into),
    }
}

fn again(state: &State) -> State {
    State::decode(&state.encode()).unwrap()
}

/// Keys of what is missing.
fn missing(state: &State) -> Vec<Hash> {
    state.missing().map(|missing| missing.key).collect()
}

#[test]
fn a_record_is_new_changed_or_as_it_was() {
    let mut state = State::default();
    assert_eq!(state.compare(hash(1), hash(2), 10), Change::Create);
    state.acknowledge(acknowledged(1, 2, 10, Some("t-1")));
    for mut state in [state.clone(), again(&state)] {
        assert_eq!(state.compare(hash(1), hash(2), 11), Change::Unchanged);
        assert_eq!(state.compare(hash(1), hash(3), 11), Change::Update);
        state.acknowledge(acknowledged(1, 3, 11, None));
        assert_eq!(state.target_id(hash(1)), Some("t-1"));
        state.acknowledge(acknowledged(1, 3, 11, Some("t-2")));
        assert_eq!((state.target_id(hash(1)), state.len()), (Some("t-2"), 1));
        assert_eq!(again(&state).target_id(hash(1)), Some("t-2"));
    }
}

#[test]
fn an_older_file_does_not_overwrite_what_a_later_one_said() {
    let mut state = State::default();
    state.acknowledge(acknowledged(1, 3, 11, None));
    assert_eq!(state.compare(hash(1), hash(2), 10), Change::Superseded);
    assert_eq!(state.compare(hash(1), hash(2), 11), Change::Update);
    assert_eq!(state.compare(hash(1), hash(3), 10), Change::Unchanged);
}

#[test]
fn after_a_change_without_an_answer_the_old_data_is_an_update_too() {
    let mut state = State::default();
    assert!(!state.doubt(hash(1)), "the target has none of it");
    state.acknowledge(acknowledged(1, 2, 10, Some("t-1")));
    assert!(state.is_settled(hash(1)) && state.doubt(hash(1)) && !state.is_settled(hash(1)));
    assert!(!state.doubt(hash(1)));
    let mut state = again(&state);
    assert_eq!(state.compare(hash(1), hash(2), 11), Change::Update);
    assert_eq!(state.compare(hash(1), hash(2), 9), Change::Superseded);
    state.acknowledge(acknowledged(1, 2, 11, None));
    assert_eq!(state.compare(hash(1), hash(2), 11), Change::Unchanged);
    assert_eq!(state.target_id(hash(1)), Some("t-1"));
}

#[test]
fn after_newer_data_that_may_have_arrived_nothing_older_follows() {
    let mut state = State::default();
    state.may_have(hash(1), 10, "s-1");
    assert_eq!(state.compare(hash(1), hash(2), 9), Change::Superseded);
    let nothing_yet = "the target acknowledged nothing yet";
    assert_eq!(state.compare(hash(1), hash(2), 10), Change::Create, "{nothing_yet}");
    state.acknowledge(acknowledged(2, 2, 10, Some("t-2")));
    state.may_have(hash(2), 11, "s-2");
    let mut state = again(&state);
    assert_eq!(state.compare(hash(2), hash(2), 10), Change::Superseded);
    assert_eq!(state.compare(hash(2), hash(2), 11), Change::Update);
    assert_eq!(state.target_id(hash(2)), Some("t-2"));
    assert_eq!(state.len(), 2);
}

#[test]
fn what_did_not_come_is_missing_and_carries_what_it_is_named_by() {
    let mut state = State::default();
    for key in 1..=4 {
        state.acknowledge(acknowledged(key, 9, 10, (key != 2).then_some("t")));
    }
    state.may_have(hash(5), 10, "s-5");
    let mut state = again(&state);
    state.see(hash(1));
    state.compare(hash(3), hash(8), 11);
    state.compare(hash(7), hash(8), 11);
    assert_eq!(missing(&state), [hash(2), hash(4), hash(5)]);
    let first = state.missing().next().unwrap();
    assert_eq!((first.source_id, first.target_id), (Some("s-2"), None));
    assert_eq!(missing(&again(&state)).len(), 5, "who came is nobody else's");
}

#[test]
fn a_deleted_record_is_not_missing_and_does_not_come_back_from_an_older_file() {
    let mut state = State::default();
    state.acknowledge(acknowledged(1, 2, 10, Some("t-1")));
    let mut state = again(&state);
    state.delete(hash(1), 20);
    state.delete(hash(3), 20);
    assert!(state.is_empty() && !state.is_settled(hash(1)));
    let mut state = again(&state);
    assert_eq!((missing(&state), state.len()), (vec![], 0));
    assert_eq!(state.compare(hash(1), hash(2), 19), Change::Superseded);
    assert_eq!(state.compare(hash(1), hash(2), i64::MAX), Change::Create);
    let mut later = state.clone();
    state.acknowledge(acknowledged(1, 2, 30, None));
    assert_eq!((state.target_id(hash(1)), state.len()), (None, 1), "it is another record there");
    assert_eq!(missing(&again(&state)), [hash(1)]);
    later.forget_deleted(20);
    assert_eq!(later.compare(hash(1), hash(2), 19), Change::Superseded);
    later.forget_deleted(21);
    assert_eq!(again(&later), State::default());
}

#[test]
fn an_id_that_is_too_long_is_not_kept_in_part() {
    let mut state = State::default();
    let long = "å".repeat(1025);
    state.acknowledge(Acknowledged { source_id: long.clone(), ..acknowledged(1, 2, 3, Some(&long)) });
    let state = again(&state);
    let only = state.missing().next().unwrap();
    assert_eq!((only.source_id, only.target_id), (None, None));
}

#[test]
fn the_cursor_lies_with_the_entries() {
    let mut state = State::default();
    assert_eq!(state.cursor(), None);
    let cursor = Cursor { column: "changed".into(), at: "2026-10-25T00:30:00.123456789Z".parse().unwrap() };
    state.set_cursor(cursor.clone());
    assert_eq!(again(&state).cursor(), Some(&cursor));
}

/// An object of the first version: sorted, no source ids.
fn first_version(entries: &[(u8, u8, i64, &str)]) -> Vec<u8> {
    let mut out = b"xdstate1".to_vec();
    for (key, payload, taken_at, id) in entries {
        out.extend_from_slice(&[*key; 16]);
        out.extend_from_slice(&[*payload; 16]);
        out.extend_from_slice(&taken_at.to_be_bytes());
        out.extend_from_slice(&(id.len() as u16).to_be_bytes());
        out.extend_from_slice(id.as_bytes());
    }
    out
}

#[test]
fn an_object_of_the_first_version_is_still_read() {
    let old = first_version(&[(1, 2, 10, "t-1"), (2, 2, 10, "")]);
    let mut state = State::decode(&old).unwrap();
    assert_eq!(state.compare(hash(1), hash(2), 11), Change::Unchanged);
    assert_eq!((state.target_id(hash(1)), state.target_id(hash(2)), state.len()), (Some("t-1"), None, 2));
    let only = state.missing().next().unwrap();
    assert_eq!((only.source_id, only.target_id), (None, None));
    assert!(state.encode().starts_with(MAGIC));
    assert_eq!(again(&state), state);
    assert_eq!(State::decode(&old[..old.len() - 1]), Err(Damaged::At(8 + 42 + 3)));
    let unsorted = first_version(&[(2, 2, 10, ""), (1, 2, 10, "")]);
    assert_eq!(State::decode(&unsorted), Err(Damaged::At(8 + 42)));
}

#[test]
fn an_object_that_was_cut_between_two_entries_is_damaged() {
    let mut state = State::default();
    for key in [1, 2] {
        state.acknowledge(acknowledged(key, 9, 10, None));
    }
    let whole = state.encode();
    let cut = whole.len() - entry::HEAD - "s-2".len();
    assert_eq!(State::decode(&whole[..cut]), Err(Damaged::Count { wanted: 2, found: 1 }));
}

/// What may happen to a key.
#[derive(Clone, Debug)]
enum Step {
    Compare(u8, u8, i64),
    Acknowledge(u8, u8, i64, Option<String>),
    Doubt(u8),
    MayHave(u8, i64),
    Delete(u8, i64),
    Reread,
}

fn step() -> impl Strategy<Value = Step> {
    let (key, payload, time) = (0..12u8, 1..4u8, 0..5i64);
    prop_oneof![
        (key.clone(), payload.clone(), time.clone()).prop_map(|(k, p, t)| Step::Compare(k, p, t)),
        (key.clone(), payload, time.clone(), prop::option::of("[a-zæ]{1,3}"))
            .prop_map(|(k, p, t, id)| Step::Acknowledge(k, p, t, id)),
        key.clone().prop_map(Step::Doubt),
        (key.clone(), time.clone()).prop_map(|(k, t)| Step::MayHave(k, t)),
        (key, time).prop_map(|(k, t)| Step::Delete(k, t)),
        Just(Step::Reread),
    ]
}

/// A key, spread as keys are.
fn spread(n: u8) -> Hash {
    Hash((u128::from(n) * (u128::MAX / 12)).to_be_bytes())
}

#[derive(Clone, Debug, PartialEq)]
struct Plain {
    payload: Hash,
    taken_at: i64,
    target_id: Option<String>,
}

proptest! {
    #[test]
    fn it_says_what_a_plain_map_says(steps in prop::collection::vec(step(), 0..120)) {
        let mut state = State::default();
        let mut plain: BTreeMap<Hash, Plain> = BTreeMap::new();
        let mut gone: BTreeSet<Hash> = BTreeSet::new();
        for step in steps {
            match step {
                Step::Compare(k, p, t) => {
                    let expected = match plain.get(&spread(k)) {
                        None => Change::Create,
                        Some(e) if e.payload == hash(p) => Change::Unchanged,
                        Some(e) if e.taken_at > t => Change::Superseded,
                        Some(e) if e.payload == UNSEEN || e.payload == DELETED => Change::Create,
                        Some(_) => Change::Update,
                    };
                    prop_assert_eq!(state.compare(spread(k), hash(p), t), expected);
                    gone.remove(&spread(k));
                }
                Step::Acknowledge(k, p, t, id) => {
                    let new = Plain { payload: hash(p), taken_at: t, target_id: None };
                    let e = plain.entry(spread(k)).or_insert(new);
                    let kept = e.target_id.take().filter(|_| e.payload != DELETED);
                    *e = Plain { payload: hash(p), taken_at: t, target_id: id.clone().or(kept) };
                    let record = Acknowledged { key: spread(k), ..acknowledged(k, p, t, id.as_deref()) };
                    state.acknowledge(record);
                }
                Step::Doubt(k) => {
                    let e = plain.get_mut(&spread(k)).filter(|e| ![UNKNOWN, UNSEEN, DELETED].contains(&e.payload));
                    prop_assert_eq!(state.doubt(spread(k)), e.is_some());
                    if let Some(e) = e { e.payload = UNKNOWN }
                }
                Step::MayHave(k, t) => {
                    let new = Plain { payload: UNSEEN, taken_at: t, target_id: None };
                    let e = plain.entry(spread(k)).or_insert(new);
                    if e.payload == DELETED { (e.payload, e.target_id) = (UNSEEN, None) }
                    if e.payload != UNSEEN { e.payload = UNKNOWN }
                    e.taken_at = e.taken_at.max(t);
                    state.may_have(spread(k), t, &format!("s-{k}"));
                }
                Step::Delete(k, t) => {
                    plain.insert(spread(k), Plain { payload: DELETED, taken_at: t, target_id: None });
                    state.delete(spread(k), t);
                }
                Step::Reread => {
                    state = again(&state);
                    let live = plain.iter().filter(|(_, e)| e.payload != DELETED);
                    gone = live.map(|(key, _)| *key).collect();
                    prop_assert_eq!(missing(&state), gone.iter().copied().collect::<Vec<_>>());
                }
            }
            let live = plain.values().filter(|e| e.payload != DELETED).count();
            prop_assert_eq!(state.len(), live);
            for (key, e) in plain.iter().filter(|(_, e)| e.payload != DELETED) {
                prop_assert_eq!(state.target_id(*key), e.target_id.as_deref());
                prop_assert_eq!(state.taken_at(*key), Some(e.taken_at));
            }
        }
        prop_assert!(missing(&state).iter().all(|key| gone.contains(key)));
    }

    #[test]
    fn bytes_come_back_as_they_were_however_they_are_cut(
        keys in prop::collection::btree_map(any::<[u8; 16]>(), (any::<[u8; 16]>(), prop::option::of("[a-zæ0-9]{1,20}")), 0..50),
        (piece, size) in (1..200usize, 1..300usize),
    ) {
        let mut state = State::default();
        for (key, (payload, id)) in &keys {
            let (key, payload) = (Hash(*key), Hash(*payload));
            let record = Acknowledged { key, payload, taken_at: 7, source_id: "s".into(), target_id: id.clone() };
            state.acknowledge(record);
        }
        let bytes = state.encode();
        prop_assert_eq!(state.chunks(size).collect::<Vec<_>>().concat(), bytes.clone());
        let mut decoder = Decoder::new(0);
        for piece in bytes.chunks(piece) {
            decoder.push(piece).unwrap();
        }
        let read = decoder.finish().unwrap();
        prop_assert_eq!(read.len(), keys.len());
        prop_assert_eq!(&read, &state);
        for (key, (payload, _)) in &keys {
            prop_assert_eq!(read.clone().compare(Hash(*key), Hash(*payload), 8), Change::Unchanged);
        }
        for cut in [1, entry::HEAD, bytes.len() / 2].into_iter().filter(|cut| *cut <= bytes.len()) {
            prop_assert!(State::decode(&bytes[..bytes.len() - cut]).is_err());
        }
    }

    #[test]
    fn rubbish_is_refused_and_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), magic in 0..3usize) {
        let rubbish = [&[][..], MAGIC, MAGIC_1][magic].iter().chain(&bytes).copied().collect::<Vec<_>>();
        let is_empty_first = magic == 2 && bytes.is_empty();
        prop_assert!(State::decode(&rubbish).is_err() || is_empty_first);
    }
}
