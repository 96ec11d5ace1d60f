//! The walk through a module: each node whose types have to go, and those of which code would have to be made.

use std::collections::BTreeSet;

use oxc_ast::ast::{
    AccessorProperty, ArrowFunctionExpression, Class, ClassElement, Decorator, ExportSpecifier,
    FormalParameter, IdentifierReference, ImportOrExportKind, MethodDefinition, PropertyDefinition,
    Statement, TSAsExpression, TSClassImplements, TSEnumDeclaration, TSExportAssignment,
    TSImportEqualsDeclaration, TSNamespaceDeclaration, TSNonNullExpression, TSSatisfiesExpression,
    TSThisParameter, TSTypeAnnotation, TSTypeAssertion, TSTypeParameterDeclaration,
    TSTypeParameterInstantiation, VariableDeclarator,
};
use oxc_ast_visit::{Visit, walk};
use oxc_span::{GetSpan, Span};

use crate::blanks::Blanks;
use crate::mistakes::Mistake;
use crate::type_only;

/// What is erased of a module, and what cannot be.
pub(crate) struct Eraser<'t> {
    text: &'t str,
    pub(crate) blanks: Blanks<'t>,
    /// The names that code refers to.
    pub(crate) used: BTreeSet<String>,
    /// Where the statements and fields end that are visited and that no `;` ends.
    open_ends: BTreeSet<usize>,
    mistakes: Vec<Mistake>,
}

impl<'t> Eraser<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self {
            text,
            blanks: Blanks::new(text),
            used: BTreeSet::new(),
            open_ends: BTreeSet::new(),
            mistakes: Vec::new(),
        }
    }

    /// The text without types.
    pub(crate) fn finished(mut self) -> Result<String, Vec<Mistake>> {
        if self.mistakes.is_empty() {
            return Ok(self.blanks.applied());
        }
        self.mistakes.sort_by_key(|mistake| mistake.offset);
        Err(self.mistakes)
    }

    /// Erases a type. Where a line break after it ended a statement, the line after would now go on with what stands before:
    /// a `;` ends it.
    pub(crate) fn erase(&mut self, Span { start, end, .. }: Span) {
        let (start, end) = (start as usize, end as usize);
        self.blanks.blank(start, end);
        if self.open_ends.contains(&end) {
            self.blanks.put(start, ';');
        }
    }

    /// Erases a whole statement or member. The `;` keeps apart what stands before and after it.
    pub(crate) fn erase_statement(&mut self, Span { start, end, .. }: Span) {
        self.blanks.blank(start as usize, end as usize);
        self.blanks.put(start as usize, ';');
    }

    /// Erases an item of a list, with the comma after it.
    pub(crate) fn erase_with_comma(&mut self, Span { start, end, .. }: Span) {
        self.blanks.blank(start as usize, end as usize);
        let next = self.blanks.token(end as usize);
        self.erase_character(next, [',', ',']);
    }

    /// Erases a character if it is one of these.
    pub(crate) fn erase_character(&mut self, at: usize, these: [char; 2]) {
        if self.blanks.character(at).is_some_and(|character| these.contains(&character)) {
            self.blanks.blank(at, at + 1);
        }
    }

    /// A `}` may end a type as well as a block; a type that is erased never ends where a block does.
    fn open_end(&mut self, Span { end, .. }: Span) {
        let end = end as usize;
        if !self.text.get(..end).unwrap_or_default().ends_with(';') {
            self.open_ends.insert(end);
        }
    }

    /// Whether nothing but the end of a line ends what stands there.
    pub(crate) fn is_open(&self, Span { end, .. }: Span) -> bool {
        self.open_ends.contains(&(end as usize))
    }

    fn refuse(&mut self, span: Span, what: &str, help: &str) {
        self.mistakes.push(Mistake::not_erasable(span.start as usize, what, help));
    }
}

impl<'a> Visit<'a> for Eraser<'_> {
    fn visit_statement(&mut self, it: &Statement<'a>) {
        if type_only::statement(it) {
            return self.erase_statement(it.span());
        }
        self.open_end(it.span());
        walk::walk_statement(self, it);
    }

    fn visit_identifier_reference(&mut self, it: &IdentifierReference<'a>) {
        self.used.insert(it.name.to_string());
    }

    fn visit_export_specifier(&mut self, it: &ExportSpecifier<'a>) {
        if it.export_kind == ImportOrExportKind::Type {
            return self.erase_with_comma(it.span);
        }
        walk::walk_export_specifier(self, it);
    }

    fn visit_ts_type_annotation(&mut self, it: &TSTypeAnnotation<'a>) {
        self.erase(it.span);
    }

    fn visit_ts_type_parameter_declaration(&mut self, it: &TSTypeParameterDeclaration<'a>) {
        self.erase(it.span);
    }

    fn visit_ts_type_parameter_instantiation(&mut self, it: &TSTypeParameterInstantiation<'a>) {
        self.erase(it.span);
    }

    fn visit_ts_as_expression(&mut self, it: &TSAsExpression<'a>) {
        self.erase(Span::new(it.expression.span().end, it.span.end));
        self.visit_expression(&it.expression);
    }

    fn visit_ts_satisfies_expression(&mut self, it: &TSSatisfiesExpression<'a>) {
        self.erase(Span::new(it.expression.span().end, it.span.end));
        self.visit_expression(&it.expression);
    }

    fn visit_ts_non_null_expression(&mut self, it: &TSNonNullExpression<'a>) {
        self.blanks.blank(it.span.end as usize - 1, it.span.end as usize);
        self.visit_expression(&it.expression);
    }

    fn visit_variable_declarator(&mut self, it: &VariableDeclarator<'a>) {
        if it.definite {
            let mark = self.blanks.token(it.id.span().end as usize);
            self.erase_character(mark, ['!', '!']);
        }
        walk::walk_variable_declarator(self, it);
    }

    fn visit_ts_this_parameter(&mut self, it: &TSThisParameter<'a>) {
        self.erase_with_comma(it.span);
    }

    fn visit_formal_parameter(&mut self, it: &FormalParameter<'a>) {
        if it.accessibility.is_some() || it.readonly || it.r#override {
            let help = "declare a field, and assign it in the constructor";
            self.refuse(it.span, "a parameter that is a property", help);
        }
        if it.optional {
            let mark = self.blanks.token(it.pattern.span().end as usize);
            self.erase_character(mark, ['?', '?']);
        }
        walk::walk_formal_parameter(self, it);
    }

    /// No line may end between `async` and its parameters, nor between those and the arrow: where types did that, the
    /// parenthesis takes the place of their first or last character.
    fn visit_arrow_function_expression(&mut self, it: &ArrowFunctionExpression<'a>) {
        let (start, end) = (it.params.span.start as usize, it.params.span.end as usize);
        if let Some(types) = &it.type_parameters
            && self.blanks.has_line_break(types.span.start as usize, start)
        {
            self.blanks.put(types.span.start as usize, '(');
            self.blanks.blank(start, start + 1);
        }
        if let Some(types) = &it.return_type
            && self.blanks.has_line_break(end, types.span.end as usize)
        {
            self.blanks.put(self.blanks.before(types.span.end as usize), ')');
            self.blanks.blank(end - 1, end);
        }
        walk::walk_arrow_function_expression(self, it);
    }

    fn visit_class(&mut self, it: &Class<'a>) {
        self.erase_head(it);
        walk::walk_class(self, it);
    }

    fn visit_ts_class_implements(&mut self, _: &TSClassImplements<'a>) {}

    fn visit_class_element(&mut self, it: &ClassElement<'a>) {
        if !self.erase_member(it) {
            walk::walk_class_element(self, it);
        }
    }

    fn visit_method_definition(&mut self, it: &MethodDefinition<'a>) {
        self.erase_method(it);
        walk::walk_method_definition(self, it);
    }

    fn visit_property_definition(&mut self, it: &PropertyDefinition<'a>) {
        self.open_end(it.span);
        self.erase_field(it);
        walk::walk_property_definition(self, it);
    }

    fn visit_accessor_property(&mut self, it: &AccessorProperty<'a>) {
        self.refuse(it.span, "`accessor`", "write a getter and a setter");
    }

    fn visit_decorator(&mut self, it: &Decorator<'a>) {
        self.refuse(it.span, "a decorator", "call the function instead");
    }

    fn visit_ts_enum_declaration(&mut self, it: &TSEnumDeclaration<'a>) {
        let name = &it.id.name;
        let help = format!("write an object: `const {name} = {{ .. }} as const`");
        self.refuse(it.span, &format!("`enum {name}`"), &help);
    }

    fn visit_ts_namespace_declaration(&mut self, it: &TSNamespaceDeclaration<'a>) {
        let name = &it.id.name;
        let help = format!("write an object: `const {name} = {{ .. }}`; a namespace of types alone may stay");
        self.refuse(it.span, &format!("`namespace {name}` with values"), &help);
    }

    fn visit_ts_import_equals_declaration(&mut self, it: &TSImportEqualsDeclaration<'a>) {
        let name = &it.id.name;
        let help = format!("write `import {{ .. }} from \"..\"`, or `const {name} = ..`");
        self.refuse(it.span, &format!("`import {name} =`"), &help);
    }

    fn visit_ts_export_assignment(&mut self, it: &TSExportAssignment<'a>) {
        self.refuse(it.span, "`export =`", "write `export default`");
    }

    fn visit_ts_type_assertion(&mut self, it: &TSTypeAssertion<'a>) {
        self.refuse(it.span, "a type in front of an expression", "write `.. as T` in place of `<T>..`");
    }
}
