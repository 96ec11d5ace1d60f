//! MySQL's and MariaDB's stored programs: procedures, functions, triggers, events, and MariaDB's blocks outside of them.
//!
//! `BEGIN`, `END`, `IF` and the like are not reserved there, or are functions too (`IF(..)`, `REPEAT(..)`), so that they
//! count only where a statement may begin. That is known from the blocks that are open: after `THEN` in an `IF` a
//! statement begins, after `THEN` in a `CASE` expression a value.

use crate::lexer::{Kind, Token};

/// What was seen of the statement.
#[derive(Debug, Default)]
pub(crate) struct Program {
    part: Part,
    blocks: Vec<Block>,
    /// The next word begins a statement of the body.
    at_start: bool,
    /// The token before began a statement, so that a `:` makes it a label.
    label_possible: bool,
    /// A closed block's kind may follow (`END IF`).
    after_end: bool,
    declaration: Declaration,
    /// After `UNTIL`: the next `END` of no `CASE` closes the `REPEAT`.
    until: bool,
    /// A name follows (`t.end`, `@if`).
    name_follows: bool,
    parentheses: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Part {
    #[default]
    Start,
    /// `BEGIN`, perhaps MariaDB's `BEGIN NOT ATOMIC`.
    TopBegin,
    /// A first word that may be a label.
    TopWord,
    /// `CREATE` or `ALTER`, and what may stand before the object's kind; true after `=` or `@` (a name follows).
    Create { name_follows: bool },
    /// After `PROCEDURE` and `FUNCTION`, up to the end of the parameters.
    Parameters { function: bool },
    /// Between the parameters and the body; true where a function's type or a character set is named.
    Characteristics { function: bool, type_follows: bool },
    /// Before `FOR EACH ROW`; true after `EACH`.
    Trigger { each: bool },
    /// `FOLLOWS other`, `PRECEDES other`.
    TriggerOrder,
    /// Before an event's `DO`.
    Event,
    /// In the body of a stored program.
    Body,
    /// Any other statement.
    Plain,
}

/// How far a `DECLARE .. HANDLER FOR condition, ..` is read; the handler's statement follows the last condition.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Declaration {
    #[default]
    None,
    /// After `DECLARE`.
    Declare,
    /// After `HANDLER`.
    Handler,
    /// Before a condition's last token.
    Condition,
    /// A comma or the statement comes next.
    AfterCondition,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Begin,
    If,
    CaseStatement,
    CaseExpression,
    /// `LOOP`, `REPEAT`, and `WHILE` and `FOR` after their `DO`.
    Loop,
    /// `WHILE` and `FOR` before their `DO`.
    LoopHead,
}

/// What opens a block where a statement may begin.
const OPENERS: [&str; 7] = ["BEGIN", "IF", "CASE", "LOOP", "REPEAT", "WHILE", "FOR"];

/// What may stand between the parameters of a procedure and its body.
const CHARACTERISTICS: [&str; 18] = [
    "COMMENT",
    "LANGUAGE",
    "SQL",
    "NOT",
    "DETERMINISTIC",
    "CONTAINS",
    "NO",
    "READS",
    "MODIFIES",
    "DATA",
    "SECURITY",
    "DEFINER",
    "INVOKER",
    "JAVASCRIPT",
    "IS",
    "AS",
    "ATOMIC",
    "AGGREGATE",
];

/// What begins the body of a function: types are too many to list.
const FUNCTION_BODY: [&str; 17] = [
    "RETURN", "SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "CALL", "WITH", "SIGNAL", "DROP", "BEGIN",
    "IF", "CASE", "LOOP", "REPEAT", "WHILE", "FOR",
];

/// What may stand between `CREATE` and the kind of a stored program.
const CREATE_PREFIX: [&str; 5] = ["OR", "REPLACE", "DEFINER", "AGGREGATE", "CURRENT_USER"];

impl Program {
    pub(crate) fn is_open(&self) -> bool {
        // A body that is one statement without a block may hold a broken `CASE`; that must not swallow what follows.
        self.blocks.first().is_some_and(|block| *block != Block::CaseExpression)
    }

    pub(crate) fn is_stored_program(&self) -> bool {
        !matches!(self.part, Part::Start | Part::TopBegin | Part::TopWord | Part::Create { .. } | Part::Plain)
    }

    pub(crate) fn take(&mut self, token: &Token<'_>) {
        if token.kind == Kind::ExecutableComment {
            return;
        }
        match self.part {
            Part::Start => self.take_first(token),
            Part::TopBegin if token.is("NOT") => {
                self.part = Part::Body;
                self.open(Block::Begin, true);
            }
            Part::TopWord if token.is_symbol(":") => self.begin_body(),
            Part::TopBegin | Part::TopWord => self.part = Part::Plain,
            Part::Create { name_follows } => self.part = after_create(token, name_follows),
            Part::Parameters { function } => self.take_parameters(token, function),
            Part::Characteristics { function, type_follows } => {
                self.take_characteristic(token, function, type_follows);
            }
            Part::Trigger { each } if each && token.is("ROW") => self.begin_body(),
            Part::Trigger { .. } => self.part = Part::Trigger { each: token.is("EACH") },
            Part::TriggerOrder => self.begin_body(),
            Part::Event if token.is("DO") && !self.name_follows => self.begin_body(),
            Part::Event => self.name_follows = token.is_symbol("."),
            Part::Body => self.take_of_body(token),
            Part::Plain => {}
        }
    }

    fn begin_body(&mut self) {
        self.part = Part::Body;
        self.at_start = true;
    }

    fn take_first(&mut self, token: &Token<'_>) {
        if token.is("CREATE") || token.is("ALTER") {
            self.part = Part::Create { name_follows: false };
        } else if token.is("BEGIN") {
            self.part = Part::TopBegin;
        } else if OPENERS.iter().any(|opener| token.is(opener)) {
            self.begin_body();
            self.take_of_body(token);
        } else if matches!(token.kind, Kind::Word | Kind::QuotedIdentifier) {
            self.part = Part::TopWord;
        } else {
            self.part = Part::Plain;
        }
    }

    fn take_parameters(&mut self, token: &Token<'_>, function: bool) {
        if token.is_symbol("(") {
            self.parentheses += 1;
        } else if token.is_symbol(")") {
            self.parentheses = self.parentheses.saturating_sub(1);
            if self.parentheses == 0 {
                self.part = Part::Characteristics { function, type_follows: false };
            }
        } else if token.is("SONAME") && self.parentheses == 0 {
            self.part = Part::Plain;
        }
    }

    fn take_characteristic(&mut self, token: &Token<'_>, function: bool, type_follows: bool) {
        if token.is_symbol("(") {
            self.parentheses += 1;
        } else if token.is_symbol(")") {
            self.parentheses = self.parentheses.saturating_sub(1);
        } else if token.is_symbol(":") {
            self.begin_body();
        }
        if token.kind != Kind::Word || self.parentheses > 0 {
            return;
        }
        let is_one_of = |words: &[&str]| words.iter().any(|word| token.is(word));
        let is_body = if function {
            is_one_of(&FUNCTION_BODY) || (token.is("SET") && !type_follows)
        } else {
            !is_one_of(&CHARACTERISTICS)
        };
        if is_body {
            self.begin_body();
            self.take_of_body(token);
            return;
        }
        let type_follows = is_one_of(&["RETURNS", "CHARACTER", "CHAR"]);
        self.part = Part::Characteristics { function, type_follows };
    }

    fn take_of_body(&mut self, token: &Token<'_>) {
        let is_name = std::mem::replace(&mut self.name_follows, token.is_symbol(".") || token.is_symbol("@"));
        let label_possible = std::mem::replace(&mut self.label_possible, self.at_start);
        let after_end = std::mem::replace(&mut self.after_end, false);
        match token.kind {
            Kind::Semicolon => self.end_statement(),
            Kind::Word if is_name => self.at_start = false,
            Kind::Word if after_end && OPENERS.iter().any(|opener| token.is(opener)) => self.at_start = false,
            Kind::Word => self.take_word(token),
            Kind::Symbol if token.text == ":" && label_possible => self.at_start = true,
            Kind::Symbol if token.text == "," && self.declaration == Declaration::AfterCondition => {
                self.declaration = Declaration::Condition;
            }
            _ => {
                if self.declaration == Declaration::Condition {
                    self.declaration = Declaration::AfterCondition;
                }
                self.at_start = false;
            }
        }
    }

    fn end_statement(&mut self) {
        while self.blocks.last() == Some(&Block::CaseExpression) {
            self.blocks.pop();
        }
        self.declaration = Declaration::None;
        self.until = false;
        self.at_start = !self.blocks.is_empty();
    }

    fn take_word(&mut self, token: &Token<'_>) {
        match self.declaration {
            // `SQLSTATE [VALUE] '..'` and `NOT FOUND` are conditions of several tokens.
            Declaration::Condition => {
                if !["SQLSTATE", "VALUE", "NOT"].iter().any(|word| token.is(word)) {
                    self.declaration = Declaration::AfterCondition;
                }
                return;
            }
            Declaration::AfterCondition => {
                self.declaration = Declaration::None;
                self.at_start = true;
            }
            Declaration::Declare if token.is("HANDLER") => self.declaration = Declaration::Handler,
            Declaration::Handler if token.is("FOR") => self.declaration = Declaration::Condition,
            Declaration::Handler => self.declaration = Declaration::None,
            Declaration::None | Declaration::Declare => {}
        }
        if self.at_start {
            self.take_first_of_statement(token);
        } else {
            self.take_inner(token);
        }
    }

    fn take_first_of_statement(&mut self, token: &Token<'_>) {
        self.at_start = false;
        match token.text.to_ascii_uppercase().as_str() {
            "BEGIN" => self.open(Block::Begin, true),
            "IF" => self.open(Block::If, false),
            "CASE" => self.open(Block::CaseStatement, false),
            "LOOP" | "REPEAT" => self.open(Block::Loop, true),
            "WHILE" | "FOR" => self.open(Block::LoopHead, false),
            "END" => self.close(),
            "UNTIL" => self.until = true,
            "DECLARE" => self.declaration = Declaration::Declare,
            // The last two are MariaDB's `BEGIN NOT ATOMIC`.
            "ELSE" | "NOT" | "ATOMIC" => self.at_start = true,
            "FOLLOWS" | "PRECEDES" if self.blocks.is_empty() => self.part = Part::TriggerOrder,
            _ => {}
        }
    }

    fn take_inner(&mut self, token: &Token<'_>) {
        let last = self.blocks.last().copied();
        match (token.text.to_ascii_uppercase().as_str(), last) {
            ("CASE", _) => self.open(Block::CaseExpression, false),
            ("END", Some(Block::CaseExpression)) => self.close(),
            ("THEN" | "ELSE", Some(Block::If | Block::CaseStatement)) => self.at_start = true,
            ("DO", Some(Block::LoopHead)) => {
                self.blocks.pop();
                self.open(Block::Loop, true);
            }
            ("END", Some(Block::Loop)) if self.until => {
                self.until = false;
                self.close();
            }
            _ => {}
        }
    }

    fn open(&mut self, block: Block, at_start: bool) {
        self.blocks.push(block);
        self.at_start = at_start;
    }

    fn close(&mut self) {
        let closed = self.blocks.pop();
        self.after_end = closed != Some(Block::CaseExpression);
    }
}

fn after_create(token: &Token<'_>, name_follows: bool) -> Part {
    if token.kind != Kind::Word || name_follows {
        return Part::Create { name_follows: token.is_symbol("=") || token.is_symbol("@") };
    }
    match token.text.to_ascii_uppercase().as_str() {
        "PROCEDURE" => Part::Parameters { function: false },
        "FUNCTION" => Part::Parameters { function: true },
        "TRIGGER" => Part::Trigger { each: false },
        "EVENT" => Part::Event,
        word if CREATE_PREFIX.contains(&word) => Part::Create { name_follows: false },
        _ => Part::Plain,
    }
}
