// Takes the city out of each address. SQL alone would need the database's own functions for it.
import { Failed } from "sandpiper-sdk";

const CITY = /^(?<street>.+), (?<code>\d{5}) (?<city>.+)$/;

export default {
  id: "split-cities",
  author: "shop-team",
  targetSystem: "shop-db",
  labels: { ticket: "SHOP-12" },

  apply(db, ctx) {
    const rows = db.query("SELECT id, address FROM customers WHERE city IS NULL ORDER BY id").all();
    for (const [index, { id, address }] of rows.entries()) {
      const city = address.match(CITY)?.groups.city;
      if (city === undefined) {
        ctx.warn(`the address of customer ${id} has no city: ${address}`);
        continue;
      }
      if (db.execute("UPDATE customers SET city = ? WHERE id = ?", [city, id]) !== 1) {
        throw new Failed(`customer ${id} is gone`);
      }
      ctx.progress(index + 1, rows.length);
    }
  },

  rollback(db) {
    db.execute("UPDATE customers SET city = NULL");
  },

  verify(db) {
    return db.query("SELECT count(*) FROM customers WHERE city IS NOT NULL").value() > 0;
  },
};
