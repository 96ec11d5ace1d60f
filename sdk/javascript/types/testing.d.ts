import type { Connection, Context, Endpoint, Level, Plain, Row } from "./index.js";

export function fakeConnection(
  answers?: Record<string, Row[] | number | Error>,
  options?: { dialect?: string },
): Connection & { calls: { statement: string; parameters: Plain[] }[] };

export function fakeEndpoint(
  answers?: Record<string, { status?: number; headers?: { name: string; value: string }[]; body?: unknown }>,
): Endpoint & { calls: { method: { tag: string; val?: string }; path: string; body?: Uint8Array }[] };

export function fakeContext(options?: {
  variables?: Record<string, string>;
  attempt?: number;
  tenant?: string;
  checkpoint?: string;
  cancelled?: boolean;
}): Context & { lines: [Level, string][]; checkpoints: Uint8Array[] };
