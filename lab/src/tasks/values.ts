import { type TypedArray, Value } from "sluice";
import type { Column } from "../data/column.ts";

/** A column as what a program takes. */
export const asValue = ({ data, shape }: Pick<Column, "data" | "shape">): Value => new Value(data as TypedArray, shape);

/** Columns, by name, as what a program takes. */
export const asValues = <Name extends string>(columns: Readonly<Record<Name, Column>>): Record<Name, Value> =>
  Object.fromEntries(Object.entries<Column>(columns).map(([name, column]) => [name, asValue(column)])) as Record<
    Name,
    Value
  >;
