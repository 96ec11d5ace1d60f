//! Everything that TypeScript adds to JavaScript: what is left of it, character by character, or why it cannot be erased.

#![expect(clippy::panic, clippy::expect_used, reason = "a test fails by a panic")]

use oxc_allocator::Allocator;
use oxc_parser::Parser;
use oxc_span::SourceType;
use sandpiper_type_erasure::erase;

/// The erased text, after proof that it is JavaScript and that nothing of it has moved.
fn erased(source: &str) -> String {
    let erased = erase(source).unwrap_or_else(|mistakes| panic!("{source}\n{mistakes:?}"));
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, &erased, SourceType::mjs()).parse();
    let wrong: Vec<_> = parsed.diagnostics.errors().map(|error| error.message.to_string()).collect();
    assert!(wrong.is_empty(), "{source}\nbecomes\n{erased}\n{wrong:?}");
    assert_eq!(erased.chars().count(), source.chars().count(), "{source}\nbecomes\n{erased}");
    for (was, is) in source.chars().zip(erased.chars()) {
        let kept = was == is || (was != '\n' && matches!(is, ' ' | ';' | '(' | ')'));
        assert!(kept, "`{was}` became `{is}`:\n{source}\nbecomes\n{erased}");
    }
    erased
}

/// Each pair: a source, and what is left of it, however many blanks stand between.
fn leaves(table: &[(&str, &str)]) {
    for (source, expected) in table {
        assert_eq!(normal(&erased(source)), normal(expected), "{source}");
    }
}

/// The text with a blank where one parts two words, and no other; the lines stay.
fn normal(text: &str) -> String {
    let is_word = |character: char| character.is_alphanumeric() || "_$#".contains(character);
    let mut normal = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if normal.ends_with(is_word) && word.starts_with(is_word) {
            normal.push(' ');
        }
        normal.push_str(word);
    }
    normal
}

/// The places of what cannot be erased, and the first words about each.
fn mistakes(source: &str) -> Vec<(usize, String)> {
    let mistakes = erase(source).expect_err(source);
    mistakes.into_iter().map(|mistake| (mistake.offset, mistake.message)).collect()
}

#[test]
fn annotations_go() {
    leaves(&[
        ("let x: number = 1;", "let x         = 1;"),
        ("let x!: number;", "let x         ;"),
        ("const { a, b }: { a: 1; b: 2 } = c;", "const { a, b }                   = c;"),
        ("function f(a: A, b?: B, ...c: C[]): D {}", "function f(a   , b    , ...c     )    {}"),
        ("function f(a /* ? */ ?: A) {}", "function f(a /* ? */     ) {}"),
        ("function f(a: A = 1, { b }: B = {}) {}", "function f(a    = 1, { b }    = {}) {}"),
        ("function f<T extends A = B>(a: T) {}", "function f                 (a   ) {}"),
        ("function is(a: A): a is B { return a; }", "function is(a   )         { return a; }"),
        ("function f(a: A): asserts a {}", "function f(a   )            {}"),
        ("function f(this: A, a: B) {}", "function f(         a   ) {}"),
        ("function f(this: A) {}", "function f(       ) {}"),
        ("function f(this /* , */ : A /* , */ , a) {}", "function f(/* , */ a) {}"),
        ("try {} catch (e: unknown) {}", "try {} catch (e         ) {}"),
        ("for (const a of b as C[]) d();", "for (const a of b       ) d();"),
        ("for (let i: number = 0 as A; i < 1; i++);", "for (let i         = 0     ; i < 1; i++);"),
        (
            "const o = { f<T>(a: T): T { return a; }, get g(): A { return 1; } };",
            "const o = { f   (a   )    { return a; }, get g()    { return 1; } };",
        ),
    ]);
}

#[test]
fn arrows_keep_their_parentheses_on_the_line_of_the_arrow() {
    leaves(&[
        ("const f = (a: A): B => a;", "const f = (a   )    => a;"),
        ("const f = <T,>(a: T) => a;", "const f =     (a   ) => a;"),
        ("const f = async <T>(a?: T): Promise<T> => a;", "const f = async    (a    )             => a;"),
        ("const f = (a): {\n  b: B;\n} => a;", "const f = (a\n\n) => a;"),
        ("const f = (a) // b\n  : B => a;", "const f = (a  // b\n    ) => a;"),
        ("const f = (): A<\n  B\n>[\"\u{fc}\"] => a;", "const f = (\n\n) => a;"),
        ("const f = async <\n  T,\n>(a: T) => a;", "const f = async (\n\n  a   ) => a;"),
        (
            "function f() {\n  return <T,\n  >(a: T) => a;\n}",
            "function f() {\n  return (\n    a   ) => a;\n}",
        ),
        ("f(() => a as A, (b) => b!);", "f(() => a     , (b) => b );"),
        ("const f = () => ({} as A);", "const f = () => ({}     );"),
    ]);
}

#[test]
fn expressions_lose_what_is_said_of_their_types() {
    leaves(&[
        ("f(a as A, b satisfies B, c as const);", "f(a     , b            , c         );"),
        ("f(a as unknown as A);", "f(a                 );"),
        ("f(a!, b!.c, d![0], e!(), g?.h!.i);", "f(a , b .c, d [0], e (), g?.h .i);"),
        ("(a as A).b = 1;", "(a     ).b = 1;"),
        ("a! += 1; a!++;", "a  += 1; a ++;"),
        ("[a as A, b!] = c;", "[a     , b ] = c;"),
        ("f<A>(b); new F<A>(b); f<A>`b`; f?.<A>(b);", "f   (b); new F   (b); f   `b`; f?.   (b);"),
        ("const g = f<A>;", "const g = f   ;"),
        ("f(`${a as A}`);", "f(`${a     }`);"),
        ("f(a as A ? b as B : c);", "f(a      ? b      : c);"),
        ("const type = 1, as = type, satisfies = as;", "const type = 1, as = type, satisfies = as;"),
    ]);
}

#[test]
fn declarations_of_types_go() {
    leaves(&[
        ("interface A { b: string }", ";"),
        ("type A<T> = { b: T };", ";"),
        ("export interface A { b: B }", ";"),
        ("export type A = B;", ";"),
        ("export default interface A {}", ";"),
        ("declare const a: A;", ";"),
        ("declare function f(a: A): B;", ";"),
        ("declare class A { b: B }", ";"),
        ("declare enum A { B }", ";"),
        ("declare namespace A { const b: B }", ";"),
        ("declare module \"a\" { export const b: B }", ";"),
        ("declare global { interface A {} }", ";"),
        ("export declare const a: A;", ";"),
        ("namespace A { export type B = C; namespace D { interface E {} } }", ";"),
        ("function f(a: A): void;\nfunction f(a: B): void {}", ";\nfunction f(a   )       {}"),
        (
            "export default function f(a: A): void;\nexport default function f(a: B) {}",
            ";\nexport default function f(a   ) {}",
        ),
        ("export default { a: 1 } satisfies A;", "export default { a: 1 }            ;"),
    ]);
}

#[test]
fn imports_and_exports_of_types_go_and_those_of_what_is_used_as_types_alone() {
    leaves(&[
        ("import type { A } from \"a\";", ";"),
        ("import type A from \"a\";", ";"),
        ("import { type A } from \"a\";", ";"),
        ("import { A } from \"a\"; let b: A;", ";                       let b   ;"),
        ("import { type A, B } from \"a\"; B();", "import {         B } from \"a\"; B();"),
        ("import { B, type A } from \"a\"; B();", "import { B,        } from \"a\"; B();"),
        ("import { B, A /* , */, } from \"a\"; B() as A;", "import { B, /* , */ } from \"a\"; B();"),
        ("import { A as B, C as D } from \"a\"; D(A);", "import {         C as D } from \"a\"; D(A);"),
        ("import A, { B } from \"a\"; B();", "import    { B } from \"a\"; B();"),
        ("import A, { B } from \"a\"; A();", "import A, {   } from \"a\"; A();"),
        ("import A, * as B from \"a\"; A();", "import A          from \"a\"; A();"),
        ("import * as A from \"a\"; let b: A.B;", ";                        let b     ;"),
        ("import { A } from \"a\"; class B extends A {}", "import { A } from \"a\"; class B extends A {}"),
        (
            "import { A } from \"a\"; class B implements A {}",
            ";                       class B              {}",
        ),
        ("import { A } from \"a\"; export { A };", "import { A } from \"a\"; export { A };"),
        ("import { A } from \"a\"; let b: typeof A;", ";                       let b          ;"),
        ("import \"a\"; import {} from \"b\";", "import \"a\"; import {} from \"b\";"),
        ("import type A = require(\"a\");", ";"),
        ("export type { A } from \"a\";", ";"),
        ("export { type A } from \"a\";", ";"),
        ("export type * from \"a\";", ";"),
        ("export { type A, b } from \"a\";", "export {         b } from \"a\";"),
        ("let b; export { b, type A };", "let b; export { b,        };"),
    ]);
}

#[test]
fn classes_lose_modifiers_signatures_and_interfaces() {
    leaves(&[
        ("class A<T> extends B<T> implements C, D<T> {}", "class A    extends B                        {}"),
        ("const a = class implements B {};", "const a = class              {};"),
        (
            "class A extends (B) /* implements */ implements C {}",
            "class A extends (B)                               {}",
        ),
        (
            "abstract class A { abstract b(): void; abstract c: C; d() {} }",
            "         class A { ;                   ;              d() {} }",
        ),
        ("export abstract class A {}", "export          class A {}"),
        ("export default abstract class {}", "export default          class {}"),
        (
            "class A { private b = 1; protected static readonly c: C = 2; override d(): D {} }",
            "class A { ;       b = 1; ;         static          c    = 2; ;        d()    {} }",
        ),
        (
            "class A { b!: B; c?: C; d: D; declare e: E; [f]?: F; }",
            "class A { b    ; c    ; d   ; ;             [f]    ; }",
        ),
        (
            "class A { [b: string]: B; static [c: string]: C; }",
            "class A { ;               ;                        }",
        ),
        ("class A { b?(): B {} ['c']?<T>(d: T) {} }", "class A { b ()    {} ['c']    (d   ) {} }"),
        ("class A { b(c: C): void; b(c: D): void {} }", "class A { ;              b(c   )       {} }"),
        (
            "class A { constructor(b: B); constructor(b: any) {} }",
            "class A { ;                  constructor(b     ) {} }",
        ),
        ("class A { public static async *b(): C {} }", "class A { ;      static async *b()    {} }"),
        (
            "class A { public get b(): B { return 1; } private set b(c: B) {} }",
            "class A { ;      get b()    { return 1; } ;       set b(c   ) {} }",
        ),
        (
            "class A { public() {} readonly = 1; static override = 2; }",
            "class A { public() {} readonly = 1; static override = 2; }",
        ),
        ("class A { #b: B = 1; static { let c: C; } }", "class A { #b    = 1; static { let c   ; } }"),
    ]);
}

#[test]
fn a_line_that_ended_a_statement_still_does() {
    leaves(&[
        ("let a = b\ninterface C {}\n(d)()", "let a = b\n;\n(d)()"),
        ("let a = b as C\n(d)()", "let a = b;\n(d)()"),
        ("a = b satisfies C\n[d].e()", "a = b;\n[d].e()"),
        ("a = b as C as D\n`e`", "a = b;\n`e`"),
        ("export default a as B\n(c)", "export default a;\n(c)"),
        ("export const a = b as B\n(c)", "export const a = b;\n(c)"),
        ("const f = () => a as A\n(c)", "const f = () => a;\n(c)"),
        ("if (a) b as B\nelse c as C", "if (a) b;\nelse c;"),
        ("if (a) return_ = b as { c: C }\n(d)", "if (a) return_ = b;\n(d)"),
        ("const a = b as { c: C }\n[d]", "const a = b;\n[d]"),
        ("let a = b satisfies {}\n`c`", "let a = b;\n`c`"),
        (
            "function f() {\n  return a as {\n    b: B\n  }\n  (c)\n}",
            "function f() {\n  return a;\n\n\n  (c)\n}",
        ),
        ("const f = () => a as {}\n(c)", "const f = () => a;\n(c)"),
        ("export default a as {}\n(c)", "export default a;\n(c)"),
        ("if (a) { b as {} }\n(c)", "if (a) { b;}\n(c)"),
        ("do a as A\nwhile (b)", "do a;\nwhile (b)"),
        ("class A {\n  b = c as C\n  [d] = 1\n}", "class A {\n  b = c;\n  [d] = 1\n}"),
        ("class A {\n  b = 1\n  public [c] = 2\n}", "class A {\n  b = 1\n  ;      [c] = 2\n}"),
        ("class A {\n  b = 1\n  private *c() {}\n}", "class A {\n  b = 1\n  ;       *c() {}\n}"),
        ("class A {\n  get: G\n  b() {}\n}", "class A {\n  get;\n  b() {}\n}"),
        ("class A {\n  get: {}\n  b() {}\n}", "class A {\n  get;\n  b() {}\n}"),
        ("class A {\n  set!: { a: A }\n  b(c) {}\n}", "class A {\n  set ;\n  b(c) {}\n}"),
        ("class A {\n  get?\n  b() {}\n}", "class A {\n  get;\n  b() {}\n}"),
        ("class A {\n  b = c as { d: D }\n  [\"e\"] = 1\n}", "class A {\n  b = c;\n  [\"e\"] = 1\n}"),
        ("class A {\n  b?: { c: C }\n  *d() {}\n}", "class A {\n  b ;\n  *d() {}\n}"),
        ("class A {\n  b = 1\n  declare c: C\n  *d() {}\n}", "class A {\n  b = 1\n  ;\n  *d() {}\n}"),
    ]);
}

#[test]
fn columns_are_kept_in_characters_and_line_ends_as_they_are() {
    assert_eq!(erased("let a: \"\u{1f600}\u{fc}\" = 1;\r\nb();"), "let a       = 1;\r\nb();");
    assert_eq!(erased("type A = {\r\n  b: B;\r\n};\r\nc();"), ";         \r\n       \r\n  \r\nc();");
    assert_eq!(erased(""), "");
    assert_eq!(erased("#!/usr/bin/env node\nlet a: A;"), "#!/usr/bin/env node\nlet a   ;");
}

#[test]
fn what_needs_code_is_refused_where_it_stands() {
    for (source, at, message) in [
        ("enum A { B }", 0, "`enum A`"),
        ("export const enum A { B }", 7, "`enum A`"),
        ("namespace A { export const b = 1; }", 0, "`namespace A` with values"),
        ("class A { constructor(private b: B) {} }", 22, "a parameter that is a property"),
        ("class A { constructor(readonly b: B) {} }", 22, "a parameter that is a property"),
        ("import a = require(\"a\");", 0, "`import a =`"),
        ("import a = b.c;", 0, "`import a =`"),
        ("export = a;", 0, "`export =`"),
        ("@a class B {}", 0, "a decorator"),
        ("class A { @b c() {} }", 10, "a decorator"),
        ("class A { accessor b = 1; }", 10, "`accessor`"),
        ("let a = <B>c;", 8, "a type in front of an expression"),
    ] {
        let found = mistakes(source);
        assert_eq!(found.len(), 1, "{source}: {found:?}");
        assert_eq!(found[0].0, at, "{source}: {found:?}");
        assert!(found[0].1.starts_with(&format!("{message} cannot be erased")), "{source}: {found:?}");
    }
    let all = mistakes("let a = <B>c;\nfunction f() { enum A {} }");
    assert_eq!(all.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [8, 29]);
}

#[test]
fn what_is_no_typescript_is_told_where_it_ends_to_be() {
    for (source, at, message) in [
        ("let a: = 1;", 7, "unexpected token"),
        ("let a = (1;", 10, "expected `,` or `)` but found `;`"),
        ("interface A {\n\n", 13, "the file ends too early"),
        ("type = ;", 7, "unexpected token"),
    ] {
        assert_eq!(mistakes(source)[0], (at, message.to_owned()), "{source}");
    }
}
