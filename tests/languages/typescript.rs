//! Source files in TypeScript: their types are erased where they stand, and the file is the one that a project would hold.

use sandpiper_tests::{Outcome, Project, language_plugin, toolchain_path};

const FILE: &str = "changes/_0001__Typed.ts";

/// A change with what TypeScript has of types, and with an import that is used as a type alone.
const TYPED: &str = r#"// Größen, as a change with types sees them.
import type { Context, SqlChange } from "sandpiper-sdk";
import { Connection, Failed, type Row } from "sandpiper-sdk";

interface Size { id: number; label?: string }
type Labelled<T extends Size> = T & { label: string };
declare const never: unique symbol;

abstract class Names<T extends Size> implements Iterable<string> {
  private readonly sizes: T[] = []
  protected abstract name(size: T): string;
  public add(size: T): this;
  public add(size: T) { this.sizes.push(size!); return this as this }
  *[Symbol.iterator](): Iterator<string> { for (const size of this.sizes) yield this.name(size); }
}

class Labels extends Names<Size> implements Iterable<string> {
  protected override name(size: Labelled<Size>): string { return size.label; }
}

const labelled = <T extends Size>(size: T, label: string): size is Labelled<T> => size.label === label;

function insert(this: void, db: Connection, names: Iterable<string>): number {
  const rows = Array.from(names, (name): [string] => [name])
  return db.executeMany("INSERT INTO sizes (label) VALUES (?)", rows satisfies [string][]);
}

export default {
  id: "typed",
  author: "tests",
  targetSystem: "target",

  apply(db: Connection, ctx?: Context): void {
    db.execute("CREATE TABLE sizes (id INTEGER PRIMARY KEY, label TEXT)");
    const size = { id: 1, label: "groß" } as const;
    if (!labelled<Size>(size, "groß")) throw new Failed(<never> "it has no label");
    if (insert(db, new Labels().add(size).add({ id: 2, label: "klein" })) !== 2) throw new Failed("two rows");
    const [row]: Row[] = db.query("SELECT count(*) AS n FROM sizes").all();
    ctx!.info(`${row!["n"] as number} sizes`);
  },

  rollback(db: Connection) { db.execute("DROP TABLE sizes"); },
} satisfies SqlChange;
"#;

/// A project whose plugin runs `.ts`, with this file.
fn with(text: &str) -> Project {
    let project = Project::shared();
    project.configure(&format!("languages: {{ ts: {} }}", language_plugin("javascript").display()));
    project.write(FILE, text);
    project
}

/// A change whose head and `apply` are given; what stands before it stays on the lines before.
fn change(before: &str, apply: &str) -> Project {
    with(&format!(
        "{before}export default {{\n  id: \"source\", author: \"tests\", targetSystem: \"target\",\n  apply(db: any) {{\n{apply}  }},\n}};\n"
    ))
}

/// The places of the problems, and what they say.
fn problems(outcome: &Outcome) -> Vec<String> {
    let problems = outcome.at("/problems");
    let text = |it: &serde_json::Value| {
        assert_eq!((it["file"].as_str(), it["code"].as_str()), (Some(FILE), Some("change::syntax")), "{it}");
        format!("{}:{} {}", it["line"], it["column"], it["message"].as_str().unwrap())
    };
    problems.as_array().unwrap().iter().map(text).collect()
}

fn sizes(project: &Project) -> Vec<String> {
    project.rows("SELECT id || label FROM sizes ORDER BY id")
}

#[test]
fn the_same_file_is_a_change_of_a_stage_and_the_source_of_a_component() {
    let text = TYPED.replace("<never> ", "");
    let stage = with(&text);
    stage.applied();
    assert_eq!(sizes(&stage), ["1groß", "2klein"]);

    let mut project = Project::shared();
    for (name, value) in toolchain_path() {
        project.set_variable(name, &value);
    }
    project.json("new Typed --language typescript").exits(0);
    let main = "changes/src/_0001__Typed/change.ts";
    // What `new` makes is a change of a stage as well.
    let begun = with(&project.read(main));
    begun.applied();
    project.write(main, &text);
    project.json("build").exits(0);
    project.applied();
    assert_eq!(sizes(&project), sizes(&stage));
}

#[test]
fn a_file_with_types_is_digested_as_it_stands_and_taken_back_when_it_is_gone() {
    let text = TYPED.replace("<never> ", "");
    let project = with(&text);
    project.applied();
    // A type is a part of what was reviewed.
    project.write(FILE, text.replace("type Labelled<T extends Size>", "type  Labelled<T extends Size>"));
    assert_eq!(project.json("apply").exits(6).error(), "plan::modified");
    project.remove(FILE);
    let configuration = project.read("sandpiper.yaml");
    let without: Vec<&str> = configuration.lines().filter(|line| !line.starts_with("languages:")).collect();
    project.write("sandpiper.yaml", without.join("\n"));
    project.json("undo typed").exits(0);
    assert!(project.tables().is_empty());
}

#[test]
fn what_cannot_be_erased_is_told_with_all_its_places_before_anything_runs() {
    let refused = with(TYPED).json("validate").exits(2);
    let found = problems(&refused);
    assert_eq!(found.len(), 1, "{refused}");
    assert!(found[0].starts_with("36:57 a type in front of an expression cannot be erased"), "{refused}");
    assert!(refused.text("/problems/0/help").contains("`.. as T`"), "{refused}");

    let several = change("enum Size { Small }\n", "    class A { constructor(private db: any) {} }\n");
    let refused = several.json("validate").exits(2);
    several.json("apply").exits(2);
    assert!(!several.has("target.db"));
    let found = problems(&refused);
    assert!(found[0].starts_with("1:1 `enum Size` cannot be erased"), "{refused}");
    assert!(found[1].starts_with("5:27 a parameter that is a property cannot be erased"), "{refused}");
    assert_eq!(found.len(), 2, "{refused}");
}

#[test]
fn mistakes_have_the_place_of_the_source() {
    for (before, apply, expected) in [
        ("const a: = 1;\n", "", "1:10 "),
        ("", "    const a: { ä: \"ü\" } = ;\n", "4:27 "),
        ("interface A { recovery: 'ü' }\nconst ä: A = b;\n", "", "2:14 ReferenceError: b is not defined"),
        (
            "import { Nothing } from \"sandpiper-sdk\"; Nothing();\n",
            "",
            "1:10 could not find export `Nothing`",
        ),
    ] {
        let found = problems(&change(before, apply).json("validate").exits(2));
        assert!(found[0].starts_with(expected), "{found:?}\nis not: {expected}");
    }
    // A key is looked for in what is left of the source.
    let keyed =
        with("interface A { tagret: 1 }\nexport default { id: \"a\", tagret: 1 as const, apply() {} };\n");
    let found = problems(&keyed.json("validate").exits(2));
    assert!(found.iter().any(|it| it.starts_with("2:27 `tagret` is no key of a change")), "{found:?}");
}

#[test]
fn an_error_of_a_call_has_the_place_of_the_source() {
    for (apply, at) in [
        ("    const a: { größe: \"ä\" } = db; a.execute(\"SELECT * FROM nowhere\");\n", (4, 44)),
        ("    type A<\n      T,\n    > = [T];\n    db!.nothing<A<\n      1>>();\n", (8, 10)),
        (
            "    const f = (a: {\n      b: 1;\n    }): {\n      c: 2;\n    } => { throw new Error(a.b as any) };\n    f({ b: 1 });\n",
            (8, 18),
        ),
    ] {
        let outcome = change("", apply).json("apply").exits(1);
        let error = outcome.change("source")["error"].clone();
        assert_eq!((&error["line"], &error["column"]), (&at.0.into(), &at.1.into()), "{outcome}");
        assert!(error.to_string().contains("_0001__Typed.ts"), "{outcome}");
    }
}
