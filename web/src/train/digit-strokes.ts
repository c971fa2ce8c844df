import type { Stroke } from "./render-strokes.ts";

/** A way to write a digit. */
export interface Template {
  readonly digit: number;
  readonly strokes: readonly Stroke[];
}

/** Points on an ellipse from one angle to another, in degrees: 0 is right, 90 is down. */
function arc(x: number, y: number, rx: number, ry: number, from: number, to: number): Stroke {
  const steps = Math.max(4, Math.ceil(Math.abs(to - from) / 15));
  return Array.from({ length: steps + 1 }, (_, i) => {
    const angle = ((from + ((to - from) * i) / steps) * Math.PI) / 180;
    return [x + rx * Math.cos(angle), y + ry * Math.sin(angle)] as const;
  });
}
const join = (...parts: readonly Stroke[]): Stroke => parts.flat();

/** How people write the digits, a few ways each; drawn for this page. */
export const templates: readonly Template[] = [
  { digit: 0, strokes: [arc(0.5, 0.5, 0.26, 0.42, -90, 270)] },
  { digit: 0, strokes: [arc(0.5, 0.5, 0.36, 0.42, -60, 310)] },
  { digit: 0, strokes: [arc(0.5, 0.5, 0.2, 0.42, -110, 250)] },
  {
    digit: 1,
    strokes: [
      [
        [0.5, 0.08],
        [0.5, 0.92],
      ],
    ],
  },
  {
    digit: 1,
    strokes: [
      [
        [0.34, 0.28],
        [0.54, 0.08],
        [0.54, 0.92],
      ],
    ],
  },
  {
    digit: 1,
    strokes: [
      [
        [0.36, 0.24],
        [0.52, 0.08],
        [0.52, 0.92],
      ],
      [
        [0.34, 0.92],
        [0.7, 0.92],
      ],
    ],
  },
  {
    digit: 2,
    strokes: [
      join(arc(0.5, 0.32, 0.26, 0.24, -170, 40), [
        [0.22, 0.92],
        [0.8, 0.92],
      ]),
    ],
  },
  {
    digit: 2,
    strokes: [
      join(arc(0.48, 0.3, 0.25, 0.22, -200, 50), [[0.3, 0.84]], arc(0.32, 0.82, 0.1, 0.08, 180, -60), [[0.8, 0.9]]),
    ],
  },
  {
    digit: 2,
    strokes: [
      join(arc(0.46, 0.34, 0.3, 0.26, -150, 30), [
        [0.5, 0.68],
        [0.2, 0.9],
        [0.5, 0.84],
        [0.82, 0.92],
      ]),
    ],
  },
  { digit: 3, strokes: [join(arc(0.46, 0.28, 0.24, 0.2, -160, 90), arc(0.46, 0.7, 0.28, 0.22, -90, 160))] },
  {
    digit: 3,
    strokes: [
      join(
        [
          [0.24, 0.1],
          [0.74, 0.1],
          [0.46, 0.42],
        ],
        arc(0.46, 0.66, 0.27, 0.25, -90, 160),
      ),
    ],
  },
  { digit: 3, strokes: [join(arc(0.44, 0.3, 0.28, 0.22, -140, 80), arc(0.42, 0.7, 0.34, 0.2, -80, 140))] },
  {
    digit: 4,
    strokes: [
      [
        [0.56, 0.08],
        [0.2, 0.62],
        [0.82, 0.62],
      ],
      [
        [0.62, 0.36],
        [0.62, 0.92],
      ],
    ],
  },
  {
    digit: 4,
    strokes: [
      [
        [0.28, 0.1],
        [0.24, 0.5],
        [0.74, 0.5],
      ],
      [
        [0.72, 0.1],
        [0.68, 0.92],
      ],
    ],
  },
  {
    digit: 4,
    strokes: [
      [
        [0.64, 0.92],
        [0.64, 0.08],
        [0.18, 0.66],
        [0.84, 0.66],
      ],
    ],
  },
  {
    digit: 5,
    strokes: [
      join(
        [
          [0.34, 0.1],
          [0.3, 0.46],
        ],
        arc(0.46, 0.66, 0.28, 0.25, -120, 150),
      ),
      [
        [0.34, 0.1],
        [0.76, 0.1],
      ],
    ],
  },
  {
    digit: 5,
    strokes: [
      join(
        [
          [0.76, 0.08],
          [0.34, 0.1],
          [0.32, 0.44],
        ],
        arc(0.46, 0.66, 0.26, 0.25, -100, 140),
      ),
    ],
  },
  {
    digit: 5,
    strokes: [
      join(
        [
          [0.82, 0.12],
          [0.42, 0.12],
          [0.3, 0.46],
          [0.5, 0.46],
        ],
        arc(0.46, 0.68, 0.26, 0.2, -60, 150),
      ),
    ],
  },
  {
    digit: 6,
    strokes: [
      join(
        [
          [0.66, 0.08],
          [0.42, 0.26],
        ],
        arc(0.48, 0.66, 0.24, 0.26, -160, -520),
      ),
    ],
  },
  {
    digit: 6,
    strokes: [
      join(
        [
          [0.5, 0.06],
          [0.3, 0.4],
        ],
        arc(0.5, 0.7, 0.22, 0.22, 180, -180),
      ),
    ],
  },
  { digit: 6, strokes: [join(arc(0.62, 0.5, 0.36, 0.42, -80, -200), arc(0.5, 0.7, 0.22, 0.2, 130, -200))] },
  {
    digit: 7,
    strokes: [
      [
        [0.22, 0.1],
        [0.78, 0.1],
        [0.44, 0.92],
      ],
    ],
  },
  {
    digit: 7,
    strokes: [
      [
        [0.22, 0.12],
        [0.8, 0.1],
        [0.58, 0.44],
        [0.46, 0.92],
      ],
      [
        [0.34, 0.5],
        [0.72, 0.48],
      ],
    ],
  },
  {
    digit: 7,
    strokes: [
      [
        [0.24, 0.22],
        [0.24, 0.1],
        [0.74, 0.12],
        [0.6, 0.5],
        [0.56, 0.92],
      ],
    ],
  },
  { digit: 8, strokes: [join(arc(0.5, 0.29, 0.2, 0.2, 90, 450), arc(0.5, 0.71, 0.26, 0.22, -90, 270))] },
  {
    digit: 8,
    strokes: [
      join([[0.7, 0.2]], arc(0.48, 0.26, 0.2, 0.18, -30, -250), [[0.64, 0.6]], arc(0.48, 0.74, 0.22, 0.18, -20, 230), [
        [0.7, 0.2],
      ]),
    ],
  },
  { digit: 8, strokes: [arc(0.5, 0.28, 0.22, 0.19, 0, 360), arc(0.5, 0.7, 0.25, 0.23, 0, 360)] },
  {
    digit: 9,
    strokes: [
      join(arc(0.5, 0.32, 0.24, 0.24, 0, -360), [
        [0.74, 0.3],
        [0.68, 0.92],
      ]),
    ],
  },
  { digit: 9, strokes: [join(arc(0.48, 0.32, 0.22, 0.23, -20, -370), arc(0.36, 0.42, 0.36, 0.5, -10, 80))] },
  {
    digit: 9,
    strokes: [
      join(arc(0.46, 0.28, 0.22, 0.2, 10, -350), [
        [0.68, 0.3],
        [0.68, 0.92],
      ]),
    ],
  },
];

/** Points at even distances, so that long straight lines bend as well. */
function resample(stroke: Stroke): Stroke {
  const result: (readonly [number, number])[] = [];
  stroke.forEach(([x, y], i) => {
    const [px, py] = stroke[Math.max(0, i - 1)];
    const pieces = Math.max(1, Math.ceil(Math.hypot(x - px, y - py) / 0.06));
    for (let k = i === 0 ? pieces : 1; k <= pieces; k++)
      result.push([px + ((x - px) * k) / pieces, py + ((y - py) * k) / pieces]);
  });
  return result;
}

/** The same drawing by another hand: turned, slanted, stretched, and bent by slow waves. */
export function distort(strokes: readonly Stroke[], random: () => number): Stroke[] {
  const between = (low: number, high: number) => low + (high - low) * random();
  const [angle, slant] = [between(-0.2, 0.2), between(-0.35, 0.35)];
  const [wide, high] = [between(0.7, 1.25), between(0.8, 1.2)];
  const wave = () => ({ size: between(0, 0.06), rate: between(3, 8), phase: between(0, 6.3) });
  const [across, down] = [wave(), wave()];
  return strokes.map((stroke) =>
    resample(stroke).map(([x0, y0]) => {
      const x = (x0 - 0.5) * wide + slant * (0.5 - y0) + across.size * Math.sin(across.rate * y0 + across.phase);
      const y = (y0 - 0.5) * high + down.size * Math.sin(down.rate * x0 + down.phase);
      return [
        0.5 + x * Math.cos(angle) - y * Math.sin(angle),
        0.5 + x * Math.sin(angle) + y * Math.cos(angle),
      ] as const;
    }),
  );
}
