// Writes the initials of each customer. The types are for people and editors: they are erased before it runs.
import { Failed, type SqlChange } from "sandpiper-sdk";

interface Customer {
  id: number;
  name: string;
}

function initials({ id, name }: Customer): string {
  const letters = name.match(/\b\p{Lu}/gu);
  if (letters === null) throw new Failed(`customer ${id} has no name with a capital letter: ${name}`);
  return letters.join("");
}

export default {
  id: "add-initials",
  author: "shop-team",
  targetSystem: "shop-db",

  apply(db) {
    db.execute("ALTER TABLE customers ADD COLUMN initials TEXT");
    const customers = db.query("SELECT id, name FROM customers").all() as unknown as Customer[];
    db.executeMany("UPDATE customers SET initials = ? WHERE id = ?", customers.map((it) => [initials(it), it.id]));
  },

  rollback(db) {
    db.execute("ALTER TABLE customers DROP COLUMN initials");
  },
} satisfies SqlChange;
