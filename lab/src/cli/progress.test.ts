import { expect, test } from "vitest";
import { formatPace, PaceMeter } from "./progress.ts";

test("pace: step, loss, steps a second and time left, from what was seen of this loop", () => {
  const meter = new PaceMeter();
  meter.hear({ type: "progress", loop: "train", step: 100, steps: 1000 }, 0);
  meter.hear({ type: "metrics", step: 150, metrics: { "speed/x": 3, "loss/nats": 2.3456 } }, 500);
  const pace = meter.hear({ type: "progress", loop: "train", step: 200, steps: 1000 }, 2000);
  expect(pace).toMatchObject({ perSecond: 50, left: 16 });
  expect(formatPace(pace)).toBe("train 200/1000, loss 2.346, 50 steps/s, 16s left");
});

test("pace: nothing is said that is not known", () => {
  const meter = new PaceMeter();
  expect(formatPace(meter.hear({ type: "say", text: "reading" }, 0))).toBe("reading");
  expect(formatPace(meter.hear({ type: "progress", loop: "a", step: 1, steps: 4 }, 10))).toBe("a 1/4");
  meter.hear({ type: "progress", loop: "a", step: 3, steps: 4 }, 1010);
  expect(formatPace(meter.hear({ type: "progress", loop: "b", step: 1, steps: 2 }, 1020))).toBe("b 1/2");
});
