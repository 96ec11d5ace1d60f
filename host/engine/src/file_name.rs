//! File names of changes: `_ORDER__Name.EXT`, what is nearly one, and how orders compare.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::suggest::nearest;

/// The shortest order, in characters.
pub const MIN_ORDER: usize = 4;

/// A change's place in its stage: compared as text, byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Order(Arc<str>);

impl Order {
    /// The order as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number that the order begins with, when its first character is a digit.
    fn number(&self) -> Option<u128> {
        let end = self.0.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.0.len());
        self.0.get(..end).and_then(|digits| digits.parse().ok())
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Order {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(bad) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || "_.-".contains(*c))) {
            return Err(format!(
                "the order `{text}` holds `{bad}`; letters, digits, `_`, `.` and `-` are allowed"
            ));
        }
        if text.len() < MIN_ORDER {
            return Err(format!(
                "the order `{text}` has fewer than {MIN_ORDER} characters: write `{text:0>4}`"
            ));
        }
        Ok(Self(text.into()))
    }
}

impl From<Order> for String {
    fn from(order: Order) -> Self {
        order.0.as_ref().to_owned()
    }
}

impl TryFrom<String> for Order {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// The first pair of orders, given in the order of text, that would sort differently as numbers: `_10000__` stands
/// before `_2000__` as text.
pub fn misleading<'a>(orders: impl IntoIterator<Item = &'a Order>) -> Option<(&'a Order, &'a Order)> {
    let mut greatest: Option<(&Order, u128)> = None;
    for order in orders {
        let Some(number) = order.number() else { continue };
        match greatest {
            Some((earlier, most)) if most > number => return Some((earlier, order)),
            _ => greatest = Some((order, number)),
        }
    }
    None
}

/// The parts of a change's file name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName {
    /// Everything between the first `_` and the first `__` after it.
    pub order: Order,
    /// Starts with a letter.
    pub name: Arc<str>,
    /// Without the dot.
    pub extension: String,
}

impl FileName {
    /// Whether the name is written in PascalCase, as recommended.
    pub fn is_pascal_case(&self) -> bool {
        self.name.starts_with(|c: char| c.is_ascii_uppercase()) && !self.name.contains(['_', '-'])
    }
}

/// What a file in a stage's folder is, by its name alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Classified {
    /// A change.
    Change(FileName),
    /// Nearly a change, and why it is none: a problem, never skipped in silence.
    Near(String),
    /// Something else: left alone.
    Other,
}

/// Says what a file of a stage's folder is. `extensions` are those that this host can run, without the dot.
pub fn classify(file: &str, extensions: &[&str]) -> Classified {
    if file.starts_with('.') {
        return Classified::Other;
    }
    let extension = file.rsplit_once('.').map(|(_, extension)| extension);
    let known = extension.is_some_and(|extension| extensions.contains(&extension));
    if !file.starts_with('_') {
        return match extension {
            Some(_) if known => Classified::Near(missing_underscore(file)),
            _ => Classified::Other,
        };
    }
    match parse(file) {
        Ok(name) if known => Classified::Change(name),
        Ok(name) => Classified::Near(unknown_extension(&name.extension, extensions)),
        Err(why) => Classified::Near(why),
    }
}

fn parse(file: &str) -> Result<FileName, String> {
    let inner = file.strip_prefix('_').unwrap_or(file);
    if inner.starts_with('_') {
        return Err(format!("it begins with two `_`: write `_{}`", inner.trim_start_matches('_')));
    }
    let Some((order, rest)) = inner.split_once("__") else {
        return Err("there is no `__` between order and name: write `_ORDER__Name.EXT`, `_0001__CreateOrders.sql` say"
            .to_owned());
    };
    let order = order.parse()?;
    let Some((name, extension)) = rest.rsplit_once('.') else {
        return Err("it has no extension".to_owned());
    };
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err(format!("the name `{name}` does not start with a letter"));
    }
    if let Some(bad) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || "_-".contains(*c))) {
        return Err(format!("the name `{name}` holds `{bad}`; letters, digits, `_` and `-` are allowed"));
    }
    Ok(FileName { order, name: name.into(), extension: extension.to_owned() })
}

fn missing_underscore(file: &str) -> String {
    match parse(&format!("_{file}")) {
        Ok(_) => format!("it does not begin with `_`: write `_{file}`"),
        Err(_) => "it has the extension of a change, but not its name: write `_ORDER__Name.EXT`".to_owned(),
    }
}

fn unknown_extension(extension: &str, extensions: &[&str]) -> String {
    let nearest = nearest(extension, extensions.iter().copied());
    let meant = nearest.map_or_else(String::new, |nearest| format!("; did you mean `.{nearest}`?"));
    format!("no plugin of this host runs `.{extension}`{meant}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EXTENSIONS: &[&str] = &["wasm", "yaml", "yml", "sql"];

    fn near(file: &str) -> String {
        match classify(file, EXTENSIONS) {
            Classified::Near(why) => why,
            other => panic!("`{file}` is {other:?}"),
        }
    }

    fn change(file: &str) -> FileName {
        match classify(file, EXTENSIONS) {
            Classified::Change(name) => name,
            other => panic!("`{file}` is {other:?}"),
        }
    }

    #[test]
    fn a_change_is_named_by_order_name_and_extension() {
        let name = change("_0001__CreateOrders.wasm");
        assert_eq!(
            (name.order.as_str(), &*name.name, name.extension.as_str()),
            ("0001", "CreateOrders", "wasm")
        );
    }

    #[test]
    fn the_order_ends_at_the_first_two_underscores() {
        let name = change("_2026_11-22.1__A__B.sql");
        assert_eq!((name.order.as_str(), &*name.name), ("2026_11-22.1", "A__B"));
    }

    #[test]
    fn an_order_has_at_least_4_characters() {
        assert!(near("_1__X.yaml").contains("`0001`"));
        assert_eq!(change("_abcd__X.yaml").order.as_str(), "abcd");
    }

    #[test]
    fn an_order_holds_letters_digits_underscores_dots_and_hyphens() {
        assert!(near("_00 1__X.sql").contains("` `"));
        assert!(near("_000é__X.sql").contains("`é`"));
    }

    #[test]
    fn a_name_starts_with_a_letter() {
        assert!(near("_0001__1X.sql").contains("start with a letter"));
        assert!(near("_0001__.sql").contains("start with a letter"));
    }

    #[test]
    fn a_name_holds_letters_digits_underscores_and_hyphens() {
        assert_eq!(&*change("_0001__add-x_2.sql").name, "add-x_2");
        assert!(near("_0001__a.b.sql").contains("`.`"));
        assert!(near("_0001__a b.sql").contains("` `"));
    }

    #[test]
    fn what_is_nearly_a_change_is_never_skipped() {
        assert!(near("0001__X.sql").contains("`_0001__X.sql`"));
        assert!(near("_1_X.yaml").contains("`__`"));
        assert!(near("_0001_X.wasm").contains("`__`"));
        assert!(near("__0001__X.sql").contains("two `_`"));
        assert!(near("_0001__X.wsam").contains("`.wasm`"));
        assert!(near("_0001__X.js").contains("`.js`"));
        assert!(near("_0001__X").contains("extension"));
        assert!(near("notes.sql").contains("_ORDER__Name.EXT"));
        assert!(near("_readme.md").contains("`__`"));
    }

    #[test]
    fn other_and_hidden_files_are_left_alone() {
        for file in
            ["X.sql.bak", "README.md", ".hidden.sql", "._0001__X.sql", "Makefile", "x.js", "0001__X.SQL"]
        {
            assert_eq!(classify(file, EXTENSIONS), Classified::Other, "{file}");
        }
    }

    #[test]
    fn pascal_case_is_recommended() {
        assert!(change("_0001__CreateOrders.sql").is_pascal_case());
        assert!(!change("_0001__create-orders.sql").is_pascal_case());
        assert!(!change("_0001__Create_Orders.sql").is_pascal_case());
    }

    fn sorted(orders: &[&str]) -> Vec<Order> {
        let mut orders: Vec<Order> = orders.iter().map(|order| order.parse().unwrap()).collect();
        orders.sort();
        orders
    }

    #[test]
    fn orders_that_sort_differently_as_numbers_are_misleading() {
        assert!(misleading(&sorted(&["10000", "2000"])).is_some());
        assert!(misleading(&sorted(&["0010", "9999a"])).is_none());
        assert!(misleading(&sorted(&["0001", "0002", "0010", "0100"])).is_none());
        assert!(misleading(&sorted(&["0002", "0002-a", "0002.b", "abcd"])).is_none());
        assert!(misleading(&sorted(&["20260101", "2027"])).is_some());
    }

    #[test]
    fn orders_compare_byte_by_byte() {
        let orders = sorted(&["000a", "000B", "0001", "000_", "000-", "000."]);
        let text: Vec<&str> = orders.iter().map(Order::as_str).collect();
        assert_eq!(text, ["000-", "000.", "0001", "000B", "000_", "000a"]);
    }

    proptest! {
        #[test]
        fn orders_of_one_width_are_never_misleading(numbers in prop::collection::btree_set(0u32..100_000, 1..30)) {
            let orders: Vec<Order> = numbers.iter().map(|number| format!("{number:05}").parse().unwrap()).collect();
            prop_assert!(misleading(&orders).is_none());
        }

        #[test]
        fn orders_that_are_not_misleading_rise_as_numbers(numbers in prop::collection::btree_set(0u32..20_000, 1..10)) {
            let mut orders: Vec<Order> = numbers.iter().map(|number| format!("{number:04}").parse().unwrap()).collect();
            orders.sort();
            let rising = orders.iter().map(|order| order.number().unwrap()).is_sorted();
            prop_assert_eq!(misleading(&orders).is_none(), rising);
        }

        #[test]
        fn any_file_name_is_classified_without_a_panic(file in "\\PC{0,40}") {
            let _ = classify(&file, EXTENSIONS);
        }
    }
}
