// Tables and numbers, as those who run a server read them.

import type { ComponentChildren, JSX } from "preact";

const COMPACT = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1, notation: "compact" });
const PLAIN = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

export function Table(props: {
  title: string; head: readonly string[]; numbers?: readonly string[]; isEmpty: boolean; children: ComponentChildren; beside?: ComponentChildren;
}): JSX.Element {
  return (
    <section aria-label={props.title}>
      <div class="row table-head"><h2 class="table-title grow">{props.title}</h2>{props.beside}</div>
      {props.isEmpty
        ? <p class="quiet">None.</p>
        : (
          <div class="table-place" tabIndex={0} role="region" aria-label={props.title}>
            <table>
              <thead>
                <tr>
                  {props.head.map((name) => <th key={name} scope="col">{name}</th>)}
                  {props.numbers?.map((name) => <th key={name} scope="col" class="number">{name}</th>)}
                </tr>
              </thead>
              <tbody>{props.children}</tbody>
            </table>
          </div>
        )}
    </section>
  );
}

/** A table of names and one number each. */
export function Numbers({ title, rows }: { title: string; rows: readonly (readonly [name: string, value: string])[] }): JSX.Element {
  return (
    <Table title={title} head={["What"]} numbers={["How much"]} isEmpty={rows.length === 0}>
      {rows.map(([name, value]) => (
        <tr key={name}><td>{name}</td><td class="number">{value}</td></tr>
      ))}
    </Table>
  );
}

export function shown(value: number | null): string {
  return value === null ? "–" : COMPACT.format(value);
}

/** The server counts in steps: what is said is the upper end of one. */
export function atMostMs(value: number | null | undefined): string {
  return value === null || value === undefined ? "–" : `≤ ${milliseconds(value)}`;
}

export function milliseconds(value: number): string {
  return value < 1000 ? `${PLAIN.format(value)} ms` : `${PLAIN.format(value / 1000)} s`;
}

export function size(bytes: number | null): string {
  if (bytes === null) return "–";
  const steps = ["B", "kB", "MB", "GB"];
  const step = Math.min(steps.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  return `${COMPACT.format(bytes / 1000 ** step)} ${steps[step]}`;
}
