//! The `fields[]` filter: which rows a list or a write-to-many means (copernica.md §2.3).

use std::borrow::Cow;
use std::cmp::Ordering;

use super::dates::{LocalClock, Moment, datetime_text};
use super::field::Kind;
use super::table::{Row, Rows, Table};
use super::wire::Json;

/// The left-hand side of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Id,
    Code,
    Modified,
    Field(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Equal,
    Unequal,
    Less,
    More,
    AtMost,
    AtLeast,
    Like,
    Unlike,
}

impl Op {
    fn named(text: &str) -> Option<Self> {
        Some(match text {
            "==" => Self::Equal,
            "!=" | "<>" => Self::Unequal,
            "<" => Self::Less,
            ">" => Self::More,
            "<=" => Self::AtMost,
            ">=" => Self::AtLeast,
            "=~" => Self::Like,
            "!~" => Self::Unlike,
            _ => return None,
        })
    }

    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::More => order.is_gt(),
            Self::AtMost => order.is_le(),
            Self::AtLeast => order.is_ge(),
            Self::Like | Self::Unlike => false,
        }
    }
}

/// One condition, with its right-hand side converted to the type of the field.
#[derive(Debug, Clone)]
struct Condition {
    target: Target,
    op: Op,
    text: String,
    whole: i64,
    float: f64,
}

impl Condition {
    /// Reads one expression; `None` when it does not parse or names nothing of the table.
    fn read(expression: &str, table: &Table, clock: &LocalClock) -> Option<Self> {
        let expression = expression.trim();
        let is_mark = |byte: &u8| b"=<>!~".contains(byte);
        // The shortest name is at least one character, then one or two marks, then the rest.
        let bytes = expression.as_bytes();
        let name_end = 1 + bytes.get(1..)?.iter().position(is_mark)?;
        let op_end = name_end + 1 + usize::from(bytes.get(name_end + 1).is_some_and(is_mark));
        let op = Op::named(&expression[name_end..op_end])?;
        let target = target(&expression[..name_end], table)?;
        let right = &expression[op_end..];
        let given = Json::Text(Cow::Borrowed(right));
        let mut condition = Self {
            target,
            op,
            text: right.to_owned(),
            whole: 0,
            float: 0.0,
        };
        if matches!(op, Op::Like | Op::Unlike) {
            return Some(condition);
        }
        match target {
            Target::Id => condition.whole = super::field::whole(&given, true),
            Target::Code => {}
            Target::Modified => {
                condition.whole = match clock.read(right) {
                    Moment::At(at) => clock.seconds_of(at),
                    Moment::Empty | Moment::Zero => 0,
                };
            }
            Target::Field(position) => condition.convert(table.fields()[position].kind, &given, clock),
        }
        Some(condition)
    }

    fn convert(&mut self, kind: Kind, given: &Json<'_>, clock: &LocalClock) {
        if kind.is_whole() {
            self.whole = super::field::whole(given, true);
            self.text = self.whole.to_string();
        } else if kind == Kind::Float {
            self.float = super::field::float(given);
            self.text = self.float.to_string();
        } else if kind.is_date() {
            self.text = match clock.read(&self.text) {
                Moment::At(at) => datetime_text(at),
                Moment::Empty | Moment::Zero => String::new(),
            };
            if matches!(kind, Kind::Date | Kind::EmptyDate) {
                self.text.truncate(10);
            }
        }
    }

    fn matches(&self, table: &Table, row: &Row, id: u32, secret: &dyn Fn(u32) -> String) -> bool {
        if matches!(self.op, Op::Like | Op::Unlike) {
            let value = match self.target {
                Target::Id => Cow::Owned(id.to_string()),
                Target::Code => Cow::Owned(secret(id)),
                Target::Modified => Cow::Owned(row.modified.to_string()),
                Target::Field(position) => table.value(row, position),
            };
            return like(&self.text, &value) == (self.op == Op::Like);
        }
        self.op.holds(match self.target {
            Target::Id => i64::from(id).cmp(&self.whole),
            Target::Code => compare_text(&secret(id), &self.text),
            Target::Modified => i64::from(row.modified).cmp(&self.whole),
            Target::Field(position) => {
                self.compare(table.fields()[position].kind, &table.value(row, position))
            }
        })
    }

    fn compare(&self, kind: Kind, value: &str) -> Ordering {
        match kind {
            Kind::Integer | Kind::ForeignKey => value.parse::<i64>().unwrap_or(0).cmp(&self.whole),
            Kind::Float => value.parse::<f64>().unwrap_or(0.0).total_cmp(&self.float),
            Kind::Select => value.cmp(&self.text),
            // Every form of "no date" is one value.
            _ if kind.is_date() => {
                let value = if value.starts_with("0000-00-00") {
                    ""
                } else {
                    value
                };
                value.cmp(self.text.as_str())
            }
            _ => compare_text(value, &self.text),
        }
    }
}

fn target(name: &str, table: &Table) -> Option<Target> {
    if let Some(position) = table.position(name) {
        return Some(Target::Field(position));
    }
    match name.to_ascii_lowercase().as_str() {
        "id" => Some(Target::Id),
        "code" => Some(Target::Code),
        "modified" => Some(Target::Modified),
        _ => None,
    }
}

/// Compares two texts without regard to case.
pub(crate) fn compare_text(one: &str, other: &str) -> Ordering {
    if one.is_ascii() && other.is_ascii() {
        let lower = |text: &'_ str| {
            text.bytes()
                .map(|byte| byte.to_ascii_lowercase())
                .collect::<Vec<u8>>()
        };
        return if one.eq_ignore_ascii_case(other) {
            Ordering::Equal
        } else {
            lower(one).cmp(&lower(other))
        };
    }
    one.to_lowercase().cmp(&other.to_lowercase())
}

/// Says whether `value` fits a LIKE pattern: `%` is any run, `_` one character, case does not count.
fn like(pattern: &str, value: &str) -> bool {
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    let value: Vec<char> = value.to_lowercase().chars().collect();
    let (mut at, mut place) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < value.len() {
        match pattern.get(place) {
            Some('%') => {
                retry = Some((place + 1, at));
                place += 1;
            }
            Some(wanted) if *wanted == '_' || *wanted == value[at] => {
                place += 1;
                at += 1;
            }
            _ => match retry {
                Some((after, from)) => {
                    (place, at) = (after, from + 1);
                    retry = Some((after, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern[place..].iter().all(|rest| *rest == '%')
}

/// All conditions of a call; they are ANDed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    conditions: Vec<Condition>,
    /// How many expressions were not understood.
    pub(crate) ignored: usize,
}

/// The rows a filter has to look at.
pub(crate) enum Candidates<'a> {
    /// A part of the table, by id.
    Walk(&'a [u32]),
    /// What an index gave, by id.
    Found(Vec<u32>),
}

impl Candidates<'_> {
    /// Gives the ids in ascending order.
    pub(crate) fn ids(&self) -> &[u32] {
        match self {
            Self::Walk(ids) => ids,
            Self::Found(ids) => ids,
        }
    }
}

impl Filter {
    /// Reads the expressions of a call against the fields of `table`.
    pub(crate) fn read<'q>(
        expressions: impl Iterator<Item = &'q str>,
        table: &Table,
        clock: &LocalClock,
    ) -> Self {
        let mut filter = Self::default();
        for expression in expressions {
            match Condition::read(expression, table, clock) {
                Some(condition) => filter.conditions.push(condition),
                None => filter.ignored += 1,
            }
        }
        filter
    }

    /// Says whether the filter lets every row through.
    pub(crate) fn is_open(&self) -> bool {
        self.conditions.is_empty()
    }

    /// Builds the index that this filter can use: equality on a field defined with `index`.
    pub(crate) fn prepare(&self, table: &mut Table, rows: &Rows) {
        for condition in &self.conditions {
            if let (Target::Field(position), Op::Equal) = (condition.target, condition.op)
                && table.fields()[position].index
            {
                table.ensure_index(position, rows);
            }
        }
    }

    /// Gives the rows worth looking at, in ascending order of their ids.
    pub(crate) fn candidates<'a>(&self, table: &'a Table) -> Candidates<'a> {
        let (mut from, mut to) = (0, i64::from(u32::MAX));
        for condition in &self.conditions {
            match (condition.target, condition.op) {
                (Target::Field(position), Op::Equal) => {
                    if let Some(ids) = table.indexed(position, &condition.text) {
                        return Candidates::Found(ids);
                    }
                }
                (Target::Id, Op::Equal) => (from, to) = (condition.whole.max(from), condition.whole.min(to)),
                (Target::Id, Op::More) => from = from.max(condition.whole.saturating_add(1)),
                (Target::Id, Op::AtLeast) => from = from.max(condition.whole),
                (Target::Id, Op::Less) => to = to.min(condition.whole.saturating_sub(1)),
                (Target::Id, Op::AtMost) => to = to.min(condition.whole),
                _ => {}
            }
        }
        let first = table.ids.partition_point(|id| i64::from(*id) < from);
        let end = table.ids.partition_point(|id| i64::from(*id) <= to);
        Candidates::Walk(&table.ids[first..end.max(first)])
    }

    /// Says whether a living row fits all conditions; a removed row never does.
    pub(crate) fn matches(&self, table: &Table, row: &Row, id: u32, secret: &dyn Fn(u32) -> String) -> bool {
        row.removed == 0
            && self
                .conditions
                .iter()
                .all(|each| each.matches(table, row, id, secret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likes_patterns() {
        for (pattern, value, wanted) in [
            ("a%", "Abc", true),
            ("%c", "abc", true),
            ("a_c", "abc", true),
            ("a_c", "abbc", false),
            ("%b%b%", "abcb", true),
            ("", "", true),
            ("%", "", true),
            ("abc", "abcd", false),
        ] {
            assert_eq!(like(pattern, value), wanted, "{pattern} {value}");
        }
    }

    #[test]
    fn compares_without_case() {
        assert_eq!(compare_text("MUIT", "muit"), Ordering::Equal);
        assert_eq!(compare_text("Ü", "ü"), Ordering::Equal);
        assert_eq!(compare_text("b", "A"), Ordering::Greater);
    }
}
