//! Which elements are records: those that come again and have the most to say, rather outer ones than inner ones.

use super::survey::Survey;

/// What an element is worth that is within others which come again.
const WITHIN: f64 = 0.6;
/// What one is worth that has nothing but a text.
const BARE: f64 = 0.3;

/// An element that could be the record.
#[derive(Debug)]
pub(super) struct Candidate {
    pub node: usize,
    /// How likely, from 0 to 1.
    pub confidence: f64,
    pub reason: String,
}

/// The elements that could be the record, the likeliest first.
pub(super) fn rank(survey: &Survey) -> Vec<Candidate> {
    let mut scored: Vec<(usize, f64)> = (0..survey.nodes.len())
        .filter(|node| survey.nodes[*node].most > 1)
        .map(|node| (node, score(survey, node)))
        .collect();
    let comes_again = !scored.is_empty();
    if !comes_again {
        // One record of a kind, perhaps: what has the most beside itself.
        scored = (0..survey.nodes.len())
            .filter(|node| !survey.is_leaf(*node) || survey.nodes.len() == 1)
            .map(|node| (node, own_fields(survey, node) as f64))
            .filter(|(_, score)| *score > 0.0 || survey.nodes.len() == 1)
            .collect();
    }
    scored.sort_by(|a, b| b.1.total_cmp(&a.1));
    let sum: f64 = scored.iter().map(|(_, score)| score).sum();
    let surest = if comes_again { 0.95 } else { 0.5 };
    let share = |score: f64| if sum > 0.0 { (score / sum).min(surest) } else { surest };
    scored
        .into_iter()
        .map(|(node, score)| Candidate {
            node,
            confidence: share(score),
            reason: reason(survey, node, comes_again),
        })
        .collect()
}

fn score(survey: &Survey, node: usize) -> f64 {
    let outer = survey.way(node);
    let within = outer[..outer.len() - 1].iter().filter(|at| survey.nodes[**at].most > 1).count();
    let fields = fields(survey, node).max(1) as f64;
    let bare = if survey.is_leaf(node) && survey.nodes[node].attributes.is_empty() { BARE } else { 1.0 };
    let count = survey.nodes[node].ended.max(1) as f64;
    (1.0 + count).ln() * fields.sqrt() * WITHIN.powi(i32::try_from(within).unwrap_or(9)) * bare
}

/// How many values a record would have that are not of elements which come again within it.
fn fields(survey: &Survey, node: usize) -> usize {
    let children = survey.nodes[node].children.iter().filter(|child| survey.nodes[**child].most == 1);
    let below: usize = children
        .map(|child| {
            if survey.is_leaf(*child) {
                1 + survey.nodes[*child].attributes.len()
            } else {
                fields(survey, *child)
            }
        })
        .sum();
    below + survey.nodes[node].attributes.len()
}

/// Those of the element itself and its children.
fn own_fields(survey: &Survey, node: usize) -> usize {
    let leaves = survey.nodes[node].children.iter().filter(|child| survey.is_leaf(**child)).count();
    leaves + survey.nodes[node].attributes.len()
}

fn reason(survey: &Survey, node: usize, comes_again: bool) -> String {
    let (count, fields) = (survey.nodes[node].ended, fields(survey, node));
    let outer = survey.way(node);
    let within = outer[..outer.len() - 1].iter().rev().find(|at| survey.nodes[**at].most > 1);
    match (comes_again, within) {
        (false, _) => format!("no element comes again; this one has {fields} values"),
        (true, None) => format!("{count} whole ones are there, with {fields} values each at most"),
        (true, Some(outer)) => format!(
            "{count} whole ones are there, with {fields} values each at most, within {} that comes again itself",
            survey.nodes[*outer].name.local
        ),
    }
}
