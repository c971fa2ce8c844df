import { expect, test } from "vitest";
import { packageFile, packageFolder } from "./packages.ts";

test("a package or file that is not there is named, with the way out", () => {
  expect(() => packageFolder("no-such-package")).toThrow(/no-such-package.*npm ci/);
  expect(() => packageFile("vega-datasets", "data/no-such-file")).toThrow(
    /no-such-file is not installed; run `npm ci`/,
  );
});

test("files that a package's exports do not list can be read", () => {
  expect(packageFile("vega-datasets", "data/cars.json").length).toBeGreaterThan(100_000);
});
