//! Classes and their members.

use oxc_ast::ast::{Class, ClassElement, MethodDefinition, PropertyDefinition, PropertyKey};
use oxc_span::{GetSpan, Span};

use crate::eraser::Eraser;
use crate::type_only;

impl Eraser<'_> {
    /// Erases `abstract` and the interfaces of a class.
    pub(crate) fn erase_head(&mut self, it: &Class) {
        let mut at = it.span.start as usize;
        if it.r#abstract {
            self.blanks.blank(at, at + "abstract".len());
            at = self.blanks.token(at + "abstract".len());
        }
        let (Some(_), Some(last)) = (it.implements.first(), it.implements.last()) else { return };
        let before = [
            it.heritage.as_ref().and_then(|heritage| heritage.type_arguments.as_ref()).map(|it| it.span.end),
            it.heritage.as_ref().map(|heritage| heritage.expression.span().end),
            it.type_parameters.as_ref().map(|it| it.span.end),
            it.id.as_ref().map(|it| it.span.end),
        ];
        let before = before.into_iter().flatten().next().map_or(at + "class".len(), |end| end as usize);
        self.blanks.blank(before, last.span.end as usize);
    }

    /// Erases a member that is only a type; says whether it did.
    pub(crate) fn erase_member(&mut self, member: &ClassElement) -> bool {
        if !type_only::member(member) {
            return false;
        }
        self.erase_statement(member.span());
        true
    }

    /// Erases the modifiers of a method, and the `?` of its name.
    pub(crate) fn erase_method(&mut self, it: &MethodDefinition) {
        self.erase_modifiers(it.span, &it.key);
        if it.optional {
            let mark = self.mark(&it.key, it.computed);
            self.erase_character(mark, ['?', '!']);
        }
    }

    /// Erases the modifiers of a field, and the `?` or `!` of its name.
    pub(crate) fn erase_field(&mut self, it: &PropertyDefinition) {
        self.erase_modifiers(it.span, &it.key);
        if it.optional || it.definite {
            let mark = self.mark(&it.key, it.computed);
            self.erase_character(mark, ['?', '!']);
            // A field `get?` alone on its line, above a method.
            if it.type_annotation.is_none() && it.value.is_none() && self.is_open(it.span) {
                self.blanks.put(mark, ';');
            }
        }
    }

    /// `x = 1` and a `public [y]` on the next line are two fields, `x = 1` and `[y]` are one: a `;` is put between them.
    fn erase_modifiers(&mut self, member: Span, key: &PropertyKey) {
        let mut at = member.start as usize;
        while at < key.span().start as usize {
            let word = self.blanks.word(at);
            match word {
                "public" | "private" | "protected" | "readonly" | "override" => {
                    self.blanks.blank(at, at + word.len());
                    if at == member.start as usize {
                        self.blanks.put(at, ';');
                    }
                }
                "static" | "async" | "get" | "set" => {}
                _ => return,
            }
            at = self.blanks.token(at + word.len());
        }
    }

    /// Where the `?` or `!` of a name stands.
    fn mark(&self, key: &PropertyKey, computed: bool) -> usize {
        let at = self.blanks.token(key.span().end as usize);
        if computed { self.blanks.token(at + 1) } else { at }
    }
}
