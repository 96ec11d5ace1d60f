// The clients of the host that this change may call: those of its world, put here when the component starts.

/** The classes of `sandpiper:sql/client` and `sandpiper:http/client`, where the world has them. */
export const clients = { sql: undefined, http: undefined };

const DISPOSE = Symbol.dispose ?? Symbol.for("dispose");

/** Gives a handle back, so that it counts no longer. */
export function release(handle) {
  handle[DISPOSE]?.();
}
