import { csvParse } from "d3-dsv";
import { type CacheOptions, loadPart } from "./cache.ts";
import type { Column } from "./column.ts";
import { DataError, requireOption } from "./errors.ts";
import { packageJson, packageText } from "./packages.ts";
import type { Part, Testbed } from "./testbed.ts";

export const tableNames = ["cars", "penguins", "movies", "flights", "weather"] as const;
export type TableName = (typeof tableNames)[number];

/** Rows of numbers and categories. */
export interface DataTable {
  readonly name: TableName;
  readonly rows: number;
  /** By name, with the unit in it where there is one; NaN where missing. */
  readonly numbers: Readonly<Record<string, Float64Array>>;
  /** By name; −1 where missing, else index into `levels`, which are sorted. */
  readonly categories: Readonly<Record<string, { readonly codes: Int32Array; readonly levels: readonly string[] }>>;
}

type Raw = Readonly<Record<string, string | number | null>>;

interface Recipe {
  readonly sha256: string;
  read(): readonly Raw[];
  /** What each column is made from. */
  readonly numbers: Readonly<Record<string, (row: Raw) => number | string | null>>;
  readonly categories: Readonly<Record<string, (row: Raw) => string | number | null>>;
}

const field = (name: string) => (row: Raw) => row[name];
const json = (file: string) => () => packageJson<Raw[]>("vega-datasets", `data/${file}`);
const day = 24 * 60 * 60 * 1000;
const dayOfYear = (date: string) => (Date.parse(date) - Date.parse(date.slice(0, 4))) / day + 1;

const recipes: Readonly<Record<TableName, Recipe>> = {
  cars: {
    sha256: "9190731bb4b01cf787205ed93aa59c2b0995a096293f5543c28feabeb2648ce4",
    read: json("cars.json"),
    numbers: {
      "fuel economy (miles per gallon)": field("Miles_per_Gallon"),
      cylinders: field("Cylinders"),
      "displacement (cubic inches)": field("Displacement"),
      "power (horsepower)": field("Horsepower"),
      "weight (pounds)": field("Weight_in_lbs"),
      "0 to 60 mph (seconds)": field("Acceleration"),
      year: (row) => String(row.Year).slice(0, 4),
    },
    categories: { origin: field("Origin") },
  },
  penguins: {
    sha256: "caa60f1d4a2d98df61a64e9fdb78141008029523f8ca546c9632ff7588750738",
    read: json("penguins.json"),
    numbers: {
      "beak length (mm)": field("Beak Length (mm)"),
      "beak depth (mm)": field("Beak Depth (mm)"),
      "flipper length (mm)": field("Flipper Length (mm)"),
      "body mass (g)": field("Body Mass (g)"),
    },
    categories: {
      species: field("Species"),
      island: field("Island"),
      sex: ({ Sex }) => (Sex === "." ? null : Sex),
    },
  },
  movies: {
    sha256: "a5a0f64adfee6a8b6869583a36db8fc00f94f4bf67d25c38872117b2d4146785",
    read: json("movies.json"),
    numbers: {
      "US gross (dollars)": field("US Gross"),
      "worldwide gross (dollars)": field("Worldwide Gross"),
      "production budget (dollars)": field("Production Budget"),
      "running time (minutes)": field("Running Time min"),
      "Rotten Tomatoes rating (%)": field("Rotten Tomatoes Rating"),
      "IMDB rating (1 to 10)": field("IMDB Rating"),
      "IMDB votes": field("IMDB Votes"),
    },
    categories: {
      rating: field("MPAA Rating"),
      source: field("Source"),
      genre: field("Major Genre"),
      "creative type": field("Creative Type"),
    },
  },
  flights: {
    sha256: "93519dd2156698f8de97d2ec6614cff7319732779a0f0e4b6c9d272ac6fdef50",
    read: json("flights-20k.json"),
    numbers: {
      "delay (minutes)": field("delay"),
      "distance (miles)": field("distance"),
      "time of day (hours)": ({ date }) => Number(String(date).slice(11, 13)) + Number(String(date).slice(14, 16)) / 60,
      "day of the year": ({ date }) => dayOfYear(String(date).slice(0, 10).replaceAll("/", "-")),
    },
    categories: { origin: field("origin"), destination: field("destination") },
  },
  weather: {
    sha256: "037a1ee6ade19a95c6969f70cffae7e418c18bb81fadfe4816ec6f1d78f4bc0e",
    read: () => csvParse(packageText("vega-datasets", "data/weather.csv")) as unknown as Raw[],
    numbers: {
      "precipitation (mm)": field("precipitation"),
      "highest temperature (°C)": field("temp_max"),
      "lowest temperature (°C)": field("temp_min"),
      "wind (m/s)": field("wind"),
      "day of the year": ({ date }) => dayOfYear(String(date)),
    },
    categories: { place: field("location"), weather: field("weather") },
  },
};

const missing = (value: unknown) => value === null || value === undefined || value === "";

const parts = Object.fromEntries(
  tableNames.map((name) => [
    name,
    { name: `table-${name}`, version: 1, sha256: recipes[name].sha256, prepare: () => prepare(recipes[name]) },
  ]),
) as unknown as Record<TableName, Part>;

function prepare({ read, numbers, categories }: Recipe) {
  const rows = read();
  const columns: Record<string, Column> = {};
  const levels: Record<string, string[]> = {};
  for (const [name, of] of Object.entries(numbers)) {
    const data = Float64Array.from(rows, (row) => (missing(of(row)) ? Number.NaN : Number(of(row))));
    columns[`number/${name}`] = { data, shape: [rows.length] };
  }
  for (const [name, of] of Object.entries(categories)) {
    const texts = rows.map((row) => (missing(of(row)) ? undefined : String(of(row))));
    levels[name] = [...new Set(texts.filter((text) => text !== undefined))].sort();
    const data = Int32Array.from(texts, (text) => (text === undefined ? -1 : levels[name].indexOf(text)));
    columns[`category/${name}`] = { data, shape: [rows.length] };
  }
  return { columns, metadata: { levels: JSON.stringify(levels) } };
}

export const testbed: Testbed = {
  name: "tables",
  summary: "five tables of numbers and categories: cars, penguins, movies, flights, weather",
  source: "vega-datasets 3.2.1",
  licence:
    "packaging BSD-3-Clause; cars StatLib, for education and science; penguins CC0; flights and weather works of the United States government; movies not stated",
  sizes: "406, 344, 3,201, 20,000 and 2,922 rows",
  split: "by splitIndices with a seed",
  parts: Object.values(parts),
};

/** One of the tables. */
export async function loadTable(name: TableName, options?: CacheOptions): Promise<DataTable> {
  if (!(name in parts))
    throw new DataError("bad-option", name, `there is no such table; there are ${tableNames.join(", ")}`);
  const { columns, metadata } = await loadPart(parts[name], options);
  const levels = JSON.parse(metadata.levels) as Record<string, string[]>;
  const ofKind = (kind: string) =>
    Object.entries(columns)
      .filter(([key]) => key.startsWith(`${kind}/`))
      .map(([key, { data }]) => [key.slice(kind.length + 1), data] as const);
  return {
    name,
    rows: Object.values(columns)[0].shape[0],
    numbers: Object.fromEntries(ofKind("number")) as Record<string, Float64Array>,
    categories: Object.fromEntries(
      ofKind("category").map(([key, codes]) => [key, { codes: codes as Int32Array, levels: levels[key] }]),
    ),
  };
}

export interface DesignOptions {
  /** What is to be predicted: a number or a category. */
  readonly target: string;
  /** What it is predicted from. Default: every other column */
  readonly features?: readonly string[];
  /** Whether numbers, a number as target included, get mean 0 and deviation 1. Default true */
  readonly standardize?: boolean;
}

export interface Design {
  /** float64[n, features]: numbers first, then categories one-hot */
  readonly x: Column<Float64Array>;
  /** float64[n] for a number, int32[n] for a category */
  readonly y: Column<Float64Array | Int32Array>;
  readonly names: readonly string[];
  /** Rows of the table that are complete, ascending. */
  readonly rows: Int32Array;
  /** Names of the target's values where it is a category. */
  readonly classes?: readonly string[];
}

/**
 * A table as matrix and target for regression or classification. Rows with anything missing are left out.
 *
 * @throws DataError `bad-option` for a column that the table does not have
 */
export function designOf(table: DataTable, { target, features, standardize = true }: DesignOptions): Design {
  const all = [...Object.keys(table.numbers), ...Object.keys(table.categories)];
  const used = features ?? all.filter((name) => name !== target);
  for (const name of [target, ...used])
    requireOption(all.includes(name), name, `the table ${table.name} has no such column; it has ${all.join(", ")}`);
  const known = (name: string, row: number) =>
    name in table.numbers ? !Number.isNaN(table.numbers[name][row]) : table.categories[name].codes[row] >= 0;
  const rows = Int32Array.from({ length: table.rows }, (_, row) => row).filter((row) =>
    [target, ...used].every((name) => known(name, row)),
  );
  const numberAt = (name: string) => {
    const values = Float64Array.from(rows, (row) => table.numbers[name][row]);
    return standardize ? standardized(values) : values;
  };
  const columns = used.flatMap((name) =>
    name in table.numbers
      ? [{ name, values: numberAt(name) }]
      : table.categories[name].levels.map((level, code) => ({
          name: `${name} = ${level}`,
          values: Float64Array.from(rows, (row) => (table.categories[name].codes[row] === code ? 1 : 0)),
        })),
  );
  const x = new Float64Array(rows.length * columns.length);
  for (const [j, { values }] of columns.entries())
    for (let i = 0; i < rows.length; i++) x[i * columns.length + j] = values[i];
  const category = table.categories[target];
  const y = category ? rows.map((row) => category.codes[row]) : numberAt(target);
  return {
    x: { data: x, shape: [rows.length, columns.length] },
    y: { data: y, shape: [rows.length] },
    names: columns.map(({ name }) => name),
    rows,
    ...(category ? { classes: category.levels } : {}),
  };
}

function standardized(values: Float64Array): Float64Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  return values.map((value) => (value - mean) / (deviation || 1));
}
