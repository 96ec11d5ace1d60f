//! Which statements and members of classes are types and nothing else.

use oxc_ast::ast::{
    AccessorPropertyType, ClassElement, Declaration, ExportDefaultDeclarationKind, ExportSpecifier,
    ImportOrExportKind, MethodDefinitionType, ModuleDeclaration, PropertyDefinitionType, Statement,
    TSNamespaceDeclaration, TSNamespaceDeclarationBody,
};

pub(crate) fn statement(statement: &Statement) -> bool {
    match (statement.as_declaration(), statement.as_module_declaration()) {
        (Some(declared), _) => declaration(declared),
        (_, Some(declared)) => module_declaration(declared),
        _ => false,
    }
}

fn declaration(declaration: &Declaration) -> bool {
    match declaration {
        Declaration::TSTypeAliasDeclaration(_)
        | Declaration::TSInterfaceDeclaration(_)
        | Declaration::TSExternalModuleDeclaration(_)
        | Declaration::TSGlobalDeclaration(_) => true,
        Declaration::VariableDeclaration(it) => it.declare,
        Declaration::FunctionDeclaration(it) => it.declare || it.body.is_none(),
        Declaration::ClassDeclaration(it) => it.declare,
        Declaration::TSEnumDeclaration(it) => it.declare,
        Declaration::TSNamespaceDeclaration(it) => namespace(it),
        Declaration::TSImportEqualsDeclaration(it) => it.import_kind == ImportOrExportKind::Type,
    }
}

/// A namespace of types alone makes no code.
fn namespace(it: &TSNamespaceDeclaration) -> bool {
    it.declare
        || match &it.body {
            TSNamespaceDeclarationBody::TSNamespaceDeclaration(it) => namespace(it),
            TSNamespaceDeclarationBody::TSModuleBlock(it) => it.body.iter().all(statement),
        }
}

fn module_declaration(declaration: &ModuleDeclaration) -> bool {
    match declaration {
        ModuleDeclaration::ImportDeclaration(it) => it.import_kind == ImportOrExportKind::Type,
        ModuleDeclaration::ExportAllDeclaration(it) => it.export_kind == ImportOrExportKind::Type,
        ModuleDeclaration::ExportDefaultDeclaration(it) => match &it.declaration {
            ExportDefaultDeclarationKind::TSInterfaceDeclaration(_) => true,
            ExportDefaultDeclarationKind::FunctionDeclaration(it) => it.body.is_none(),
            _ => false,
        },
        ModuleDeclaration::ExportDeclaration(it) => self::declaration(&it.declaration),
        ModuleDeclaration::ExportNamedDeclaration(it) => exported(it.export_kind, &it.specifiers),
        ModuleDeclaration::ExportFromDeclaration(it) => exported(it.export_kind, &it.specifiers),
        ModuleDeclaration::TSNamespaceExportDeclaration(_) => true,
        ModuleDeclaration::TSExportAssignment(_) => false,
    }
}

fn exported(kind: ImportOrExportKind, specifiers: &[ExportSpecifier]) -> bool {
    let is_type = |specifier: &ExportSpecifier| specifier.export_kind == ImportOrExportKind::Type;
    kind == ImportOrExportKind::Type || (!specifiers.is_empty() && specifiers.iter().all(is_type))
}

/// Members that tell what is there: signatures, abstract ones, and fields that are declared.
pub(crate) fn member(member: &ClassElement) -> bool {
    match member {
        ClassElement::TSIndexSignature(_) => true,
        ClassElement::MethodDefinition(it) => {
            it.r#type == MethodDefinitionType::TSAbstractMethodDefinition || it.value.body.is_none()
        }
        ClassElement::PropertyDefinition(it) => {
            it.r#type == PropertyDefinitionType::TSAbstractPropertyDefinition || it.declare
        }
        ClassElement::AccessorProperty(it) => it.r#type == AccessorPropertyType::TSAbstractAccessorProperty,
        ClassElement::StaticBlock(_) => false,
    }
}
