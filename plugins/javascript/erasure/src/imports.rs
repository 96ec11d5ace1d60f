//! Imports of what is used as a type alone: they are erased, as every compiler does, for there may be nothing to import.

use oxc_ast::ast::{
    ImportDeclaration, ImportDeclarationSpecifier, ImportOrExportKind, ModuleDeclaration, Program,
};
use oxc_span::{GetSpan, Span};

use crate::eraser::Eraser;

impl Eraser<'_> {
    /// Erases the imports that are types, after all else was visited.
    pub(crate) fn erase_imports(&mut self, program: &Program) {
        for statement in &program.body {
            match statement.as_module_declaration() {
                Some(ModuleDeclaration::ImportDeclaration(it))
                    if it.import_kind == ImportOrExportKind::Value =>
                {
                    self.erase_import(it);
                }
                _ => {}
            }
        }
    }

    fn erase_import(&mut self, it: &ImportDeclaration) {
        let Some(specifiers) = it.specifiers.as_ref().filter(|specifiers| !specifiers.is_empty()) else {
            return;
        };
        let kept = |specifier: &ImportDeclarationSpecifier| match specifier {
            ImportDeclarationSpecifier::ImportSpecifier(it) if it.import_kind == ImportOrExportKind::Type => {
                false
            }
            _ => self.used.contains(specifier.local().name.as_str()),
        };
        let erased: Vec<bool> = specifiers.iter().map(|specifier| !kept(specifier)).collect();
        if erased.iter().all(|erased| *erased) {
            return self.erase_statement(it.span);
        }
        let mut end_before = it.span.start;
        for (specifier, erased) in specifiers.iter().zip(erased) {
            let span = specifier.span();
            match specifier {
                // After it, there is no comma that could go; it is the one before that has to.
                ImportDeclarationSpecifier::ImportNamespaceSpecifier(_) if erased => {
                    self.erase(Span::new(end_before, span.end));
                }
                _ if erased => self.erase_with_comma(span),
                _ => {}
            }
            end_before = span.end;
        }
    }
}
